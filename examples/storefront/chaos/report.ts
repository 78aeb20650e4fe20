import { availableParallelism, loadavg } from 'node:os'
import { type Bar, barsOf } from './bars.js'
import { type FaultResult, type WronglyUnknown } from './fault-result.js'
import { type App } from './fleet.js'
import { type Outcome } from './request-record.js'

export interface Report {
  app: App
  seed: number
  /** Requests a second to each process. */
  rate: number
  /** What the catalogue was in: `postgres`, or `pglite` where none is installed. */
  database: string
  node: string
  processors: number
  /** Of the minute before the end, of the whole machine. */
  load: number
  faults: readonly (FaultResult & { bars: readonly Bar[] })[]
  passed: boolean
}

export function makeReport(
  given: Pick<Report, 'app' | 'seed' | 'rate' | 'database'>,
  results: readonly FaultResult[],
): Report {
  const faults = results.map((result) => ({ ...result, bars: barsOf(result) }))
  return {
    ...given,
    node: process.version,
    processors: availableParallelism(),
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
    faults,
    passed: faults.every(({ bars }) => bars.every(({ met }) => met)),
  }
}

const described: Readonly<Record<Outcome, string>> = {
  ok: '2xx',
  refused: 'documented 503',
  unknown: '404 for an acknowledged instance',
  'signed-out': '401 for who was signed in',
  failed: 'other 5xx',
  rejected: 'other 4xx',
  unanswered: 'without an answer',
}

/** The lines of one fault. */
export function faultText(result: FaultResult): string {
  const { byOutcome, longest, inDetection, outsideDetection, acknowledged, lost, stale } = result
  const kinds = Object.entries(byOutcome).flatMap(([outcome, count]) =>
    count > 0 && isOutcome(outcome) ? [`${count} ${described[outcome]}`] : [],
  )
  const codes = Object.entries(result.byCode).map(([code, count]) => `${count} × ${code}`)
  const rows: [string, string][] = [
    ['requests', `${result.requests}: ${kinds.join(', ')}`],
    ...(codes.length === 0 ? [] : [['', codes.join(', ')] satisfies [string, string]]),
    ['longest request', `${longest.milliseconds} ms (${longest.kind}, ${described[longest.outcome]})`],
    ['outside detection', `p50 ${outsideDetection.p50Ms} ms, p99 ${outsideDetection.p99Ms} ms`],
    ['within detection', `p50 ${inDetection.p50Ms} ms, p99 ${inDetection.p99Ms} ms`],
    ['acknowledged', `${acknowledged.redis} in Redis, ${acknowledged.buffered} buffered`],
    [
      'lost of them',
      `${lost.redis} in Redis, ${lost.buffered} buffered (${result.lostOfLastMinute} of the last 60 s)` +
        (result.unsettled > 0 ? `; ${result.unsettled} could not be read back` : ''),
    ],
    [
      'wrongly unknown',
      `${result.wronglyUnknown}; ${result.unknownBeforeReplay} more that the other process still held in its buffer`,
    ],
    ...result.wrong.map((wrong) => ['', wrongText(wrong)] satisfies [string, string]),
    [
      'stale',
      `${stale.own + stale.outside} of ${stale.judged} prices, and ${stale.duringOutage} in the outage` +
        (stale.oldestMs > 0 ? `, the oldest by ${stale.oldestMs} ms` : ''),
    ],
    ...peopleRows(result),
    ['link', `${after('not up', result.notUpAfterMs, 'was seen up throughout')}; ${recovery(result)}`],
    ['log', `${result.logLines} lines`],
    ['load', `left up to ${result.lagMs} ms late`],
  ]
  const bars = barsOf(result).map(({ name, met, measured }) => `  ${met ? '✓' : '✗'} ${name}: ${measured}`)
  const table = rows.map(([name, value]) => `  ${name.padEnd(18)} ${value}`)
  return [`${result.topology}: ${result.fault}: ${result.title}`, ...table, ...bars].join('\n')
}

function peopleRows({ people }: FaultResult): [string, string][] {
  if (people === null) return []
  const { departures, admissions, deliveries } = people
  return [
    ['signed out', `${departures.left}, ${departures.risen} of them risen`],
    [
      'limit',
      `${admissions.admitted} admitted of ${admissions.max} in the window, ${admissions.denied} denied`,
    ],
    [
      'webhooks',
      `${deliveries.sent} events, ${deliveries.accepted} accepted, ${deliveries.duplicates} answers for ` +
        `duplicates, ${deliveries.deferred} deferred, ${deliveries.failed} failed; ${deliveries.lost} lost, ` +
        `${deliveries.doubled} doubled`,
    ],
  ]
}

function wrongText(wrong: WronglyUnknown): string {
  const { id, durability, acknowledgedBy, acknowledgedAfterMs, askedOf, askedAfterMs } = wrong
  return (
    `${id}: acknowledged (${durability ?? 'unknown'}) by process ${acknowledgedBy ?? 'none'} at ` +
    `${acknowledgedAfterMs} ms, unknown to process ${askedOf} at ${askedAfterMs} ms`
  )
}

function recovery({ upAfterMs, lastTroubleAfterMs }: FaultResult): string {
  const trouble =
    lastTroubleAfterMs === null ? 'no refusal after that' : `last refusal after ${lastTroubleAfterMs} ms`
  return `${after('up again', upAfterMs, 'never up again')}, ${trouble}`
}

function after(what: string, milliseconds: number | null, never: string): string {
  return milliseconds === null ? never : `${what} after ${milliseconds} ms`
}

/** A line for each fault, then what the figures depend on. */
export function summaryText(report: Report): string {
  const lines = report.faults.map(({ topology, fault, bars }) => {
    const missed = bars.filter(({ met }) => !met).map(({ name, measured }) => `${name} (${measured})`)
    const name = `${topology} ${fault}`.padEnd(26)
    return missed.length === 0
      ? `✓ ${name} ${bars.length} bars met`
      : `✗ ${name} missed: ${missed.join('; ')}`
  })
  const lag = Math.max(...report.faults.map(({ lagMs }) => lagMs))
  return [
    ...lines,
    '',
    `seed ${report.seed}: --seed ${report.seed} replays the plan. ${report.app}, ${report.rate} requests/s to each of ` +
      `two processes, catalogue in ${report.database}, Node ${report.node}, ${report.processors} processors at load ` +
      `${report.load}; the load itself was late by ${lag} ms at most`,
    report.passed ? 'All bars are met.' : 'Bars are missed.',
  ].join('\n')
}

function isOutcome(name: string): name is Outcome {
  return Object.hasOwn(described, name)
}
