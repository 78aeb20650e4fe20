import { type Topology } from './faults/fault.js'
import { type Acknowledged, type Durability } from './ledger.js'
import { type Outcome, outcomes, type RequestRecord } from './request-record.js'
import { type PeopleCounts } from './people.js'
import { type ResourceTrend, resourceTrend } from './resource-trend.js'
import { type Observations, type Strike } from './scenario.js'

export interface Latency {
  requests: number
  p50Ms: number
  p99Ms: number
}

export interface SlowRequest {
  sentAfterMs: number
  milliseconds: number
  kind: string
  shop: number
  outcome: Outcome
}

export interface WronglyUnknown {
  id: string
  durability: Durability | undefined
  acknowledgedBy: number | undefined
  acknowledgedAfterMs: number
  askedOf: number
  askedAfterMs: number
}

/** Prices that were older than an edit that had been acknowledged before they were asked for. */
export interface StaleCounts {
  judged: number
  /** Told by the process that had acknowledged the edit. */
  own: number
  /** Told by the other one while Redis was away, or not yet long enough back to tell it. */
  duringOutage: number
  /** Told by the other one at any other time. */
  outside: number
  /** From the edit to the question, the longest of all. */
  oldestMs: number
}

/** What a fault cost. Milliseconds are rounded; null stands for what was never seen. */
export interface FaultResult {
  fault: string
  topology: Topology
  title: string
  keepsData: boolean
  requests: number
  byOutcome: Record<Outcome, number>
  /** How often each code stood in an answer. */
  byCode: Record<string, number>
  longest: { milliseconds: number; kind: string; outcome: Outcome }
  /** Requests that were under way at some time within 2 s of a strike. */
  inDetection: Latency
  /** All others, the warm-up left out. */
  outsideDetection: Latency
  /** The slowest of these, with when they were sent, counted from the first strike. */
  slowestOutside: readonly SlowRequest[]
  acknowledged: Record<Durability, number>
  lost: Record<Durability, number>
  /** Of the lost, those that were acknowledged in the 60 s before the last strike, or after it. */
  lostOfLastMinute: number
  /** Instances that could not be read back, without a 404. */
  unsettled: number
  /** 404 for an instance that this process should have known of. */
  wronglyUnknown: number
  /** 404 for one that the other process had buffered, before it could pass it on. */
  unknownBeforeReplay: number
  /** The first of the wrong ones; times are counted from the first strike. */
  wrong: readonly WronglyUnknown[]
  /** From the strike until every process that lost its Redis says so; the slowest of several strikes. */
  notUpAfterMs: number | null
  /** From the end of the fault until all say `up`; from the strike where the topology mends itself. */
  upAfterMs: number | null
  /** From the same moment until the last request that was not answered with 2xx had been sent. */
  lastTroubleAfterMs: number | null
  /** From the end of the load until every acknowledged instance was read at both processes, or given up. */
  readBackMs: number
  /** Prices that were read, and those of them that were older than they may be. */
  stale: StaleCounts
  /** Null for an app that has nothing of that. */
  people: PeopleCounts | null
  deaths: readonly string[]
  logLines: number
  /** The latest that a request left after its time: what the load itself may add to a latency. */
  lagMs: number
  resources: ResourceTrend | null
}

const detectionMs = 2_000
const slowestShown = 20
const wrongShown = 5
const repairedMs = 60_000
/** How long a buffered write may take to reach Redis, and so the other process, after both are up. */
const replayMs = 1_000

/** Counts what was observed. */
export function faultResult(seen: Observations): FaultResult {
  const { fault, records, ledger, readBack, strikes } = seen
  const timed = records.filter(({ sentAtMs }) => sentAtMs >= seen.warmUntilMs)
  const [detecting, calm] = split(timed, (record) =>
    strikes.some((strike) => isDuringDetection(record, strike)),
  )
  const [unreplayed, wrong] = split(
    records.filter(({ outcome }) => outcome === 'unknown'),
    (record) => couldNotKnow(record, seen),
  )
  const lastStruckAtMs = strikes.at(-1)?.struckAtMs ?? 0
  const longest = timed.reduce<RequestRecord | undefined>(
    (slowest, record) => (record.milliseconds > (slowest?.milliseconds ?? -1) ? record : slowest),
    undefined,
  )
  const lost = byDurability(readBack.lost)
  return {
    fault: fault.name,
    topology: fault.topology,
    title: fault.title,
    keepsData: fault.keepsData,
    requests: records.length,
    byOutcome: byOutcome(records),
    byCode: byCode(records),
    longest: {
      milliseconds: Math.round(longest?.milliseconds ?? 0),
      kind: longest?.kind ?? 'none',
      outcome: longest?.outcome ?? 'ok',
    },
    inDetection: latency(detecting),
    outsideDetection: latency(calm),
    slowestOutside: slowestOf(calm, strikes[0]?.struckAtMs ?? 0),
    acknowledged: { redis: ledger.count('redis'), buffered: ledger.count('buffered') },
    lost,
    lostOfLastMinute: readBack.lost.filter(({ atMs }) => atMs >= lastStruckAtMs - repairedMs).length,
    unsettled: readBack.unsettled.length,
    wronglyUnknown: wrong.length + readBack.late.length,
    unknownBeforeReplay: unreplayed.length,
    wrong: wrong.slice(0, wrongShown).map((record) => wronglyUnknown(record, strikes[0]?.struckAtMs ?? 0)),
    notUpAfterMs: notUpAfter(seen),
    upAfterMs: upAfter(seen),
    lastTroubleAfterMs: lastTroubleAfter(seen),
    readBackMs: Math.round(readBack.milliseconds),
    stale: staleCounts(seen),
    people: seen.people ?? null,
    deaths: seen.deaths,
    logLines: seen.logLines,
    lagMs: Math.round(seen.lagMs),
    resources: resourceTrend(seen.resources),
  }
}

/** Under way at some time of the window, so that one that hangs since before the strike counts too. */
function isDuringDetection({ sentAtMs, milliseconds }: RequestRecord, { struckAtMs }: Strike): boolean {
  return sentAtMs < struckAtMs + detectionMs && sentAtMs + milliseconds > struckAtMs
}

function staleCounts(seen: Observations): StaleCounts {
  const { stale, judged } = seen.prices
  const [own, others] = split(stale, (read) => read.own)
  const [during, outside] = split(others, ({ sentAtMs }) =>
    seen.strikes.some((strike) => sentAtMs >= strike.struckAtMs && sentAtMs < overAtMs(strike, seen)),
  )
  return {
    judged,
    own: own.length,
    duringOutage: during.length,
    outside: outside.length,
    oldestMs: Math.round(Math.max(0, ...stale.map(({ ageMs }) => ageMs))),
  }
}

/** When every process says `up` again, and what waited has been told. */
function overAtMs({ struckAtMs, healedAtMs }: Strike, { fault, watches }: Observations): number {
  const ends = watches.map((watch) => {
    const down = fault.mendsItself ? watch.until(false, struckAtMs) : undefined
    const fromMs = down === undefined ? healedAtMs : Math.max(healedAtMs, struckAtMs + down)
    const up = watch.until(true, fromMs)
    return up === undefined ? Infinity : fromMs + up
  })
  return Math.max(...ends) + replayMs
}

/** What one process has buffered, the other can only know when it has reached Redis. */
function couldNotKnow({ reliesOn, shop, sentAtMs }: RequestRecord, seen: Observations): boolean {
  if (reliesOn === undefined || reliesOn.durability === 'redis' || reliesOn.shop === shop) return false
  const { atMs } = reliesOn
  // Not all faults bring the link down, and after one that does it comes up later.
  const during = seen.strikes.find(({ struckAtMs, healedAtMs }) => struckAtMs <= atMs && atMs < healedAtMs)
  const possibleAtMs = during?.healedAtMs ?? atMs
  const up = seen.watches[reliesOn.shop]?.until(true, possibleAtMs)
  return up === undefined || sentAtMs < possibleAtMs + up + replayMs
}

function notUpAfter({ fault, watches, strikes }: Observations): number | null {
  const affected = fault.strikes === 'both' ? watches : watches.slice(0, 1)
  return slowest(strikes.flatMap(({ struckAtMs }) => affected.map((watch) => watch.until(false, struckAtMs))))
}

function upAfter({ fault, watches, strikes }: Observations): number | null {
  return slowest(
    strikes.flatMap(({ struckAtMs, healedAtMs }) =>
      watches.map((watch) => {
        if (!fault.mendsItself) return watch.until(true, healedAtMs)
        // A link that never left `up` has nothing to recover from.
        const down = watch.until(false, struckAtMs)
        if (down === undefined) return 0
        const up = watch.until(true, struckAtMs + down)
        return up === undefined ? undefined : down + up
      }),
    ),
  )
}

function lastTroubleAfter({ fault, records, strikes }: Observations): number | null {
  const strike = strikes.at(-1)
  if (strike === undefined) return null
  const fromMs = fault.mendsItself ? strike.struckAtMs : strike.healedAtMs
  const troubles = records.filter(({ outcome, sentAtMs }) => outcome !== 'ok' && sentAtMs >= fromMs)
  if (troubles.length === 0) return null
  return Math.round(Math.max(...troubles.map(({ sentAtMs }) => sentAtMs)) - fromMs)
}

function slowestOf(records: readonly RequestRecord[], fromMs: number): SlowRequest[] {
  return [...records]
    .sort((a, b) => b.milliseconds - a.milliseconds)
    .slice(0, slowestShown)
    .map(({ sentAtMs, milliseconds, kind, shop, outcome }) => ({
      sentAfterMs: Math.round(sentAtMs - fromMs),
      milliseconds: Math.round(milliseconds),
      kind,
      shop,
      outcome,
    }))
}

function wronglyUnknown({ reliesOn, shop, sentAtMs }: RequestRecord, fromMs: number): WronglyUnknown {
  return {
    id: reliesOn?.id ?? '',
    durability: reliesOn?.durability,
    acknowledgedBy: reliesOn?.shop,
    acknowledgedAfterMs: Math.round((reliesOn?.atMs ?? 0) - fromMs),
    askedOf: shop,
    askedAfterMs: Math.round(sentAtMs - fromMs),
  }
}

function slowest(times: readonly (number | undefined)[]): number | null {
  const seen = times.filter((time) => time !== undefined)
  return seen.length < times.length || seen.length === 0 ? null : Math.round(Math.max(...seen))
}

function latency(records: readonly RequestRecord[]): Latency {
  const sorted = records.map(({ milliseconds }) => milliseconds).sort((a, b) => a - b)
  const percentile = (share: number): number => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0)
  return { requests: sorted.length, p50Ms: percentile(0.5), p99Ms: percentile(0.99) }
}

function byOutcome(records: readonly RequestRecord[]): Record<Outcome, number> {
  const counts: Record<Outcome, number> = {
    ok: 0,
    refused: 0,
    unknown: 0,
    'signed-out': 0,
    failed: 0,
    rejected: 0,
    unanswered: 0,
  }
  for (const outcome of outcomes)
    counts[outcome] = records.filter((record) => record.outcome === outcome).length
  return counts
}

function byCode(records: readonly RequestRecord[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { code } of records) if (code !== undefined) counts[code] = (counts[code] ?? 0) + 1
  return counts
}

function byDurability(entries: readonly Acknowledged[]): Record<Durability, number> {
  const buffered = entries.filter(({ durability }) => durability === 'buffered').length
  return { redis: entries.length - buffered, buffered }
}

function split<Item>(items: readonly Item[], isFirst: (item: Item) => boolean): [Item[], Item[]] {
  return [items.filter(isFirst), items.filter((item) => !isFirst(item))]
}
