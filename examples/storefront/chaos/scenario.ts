import { eventually } from '@stayfast/test-kit'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { type Fault, type Stage } from './faults/fault.js'
import { type App, Fleet } from './fleet.js'
import { Ledger } from './ledger.js'
import { People, type PeopleCounts } from './people.js'
import { Prices } from './prices.js'
import { LinkWatch } from './link-watch.js'
import { Load } from './load.js'
import { type Progress } from './progress.js'
import { type ReadBack, readBack } from './read-back.js'
import { type RequestRecord } from './request-record.js'
import { Users } from './users.js'
import { Visits } from './visits.js'

/** How long each phase lasts. */
export interface Pace {
  /** Load that warms the processes up; its times do not count. */
  warmUpMs: number
  steadyMs: number
  faultMs: number
  /** Load that goes on after the recovery. */
  afterMs: number
  /** What is acknowledged has to be there again within this time after that. */
  readBackWithinMs: number
}

export const fullPace: Pace = Object.freeze({
  warmUpMs: 3_000,
  steadyMs: 3_000,
  faultMs: 5_000,
  afterMs: 3_000,
  readBackWithinMs: 10_000,
})

export const shortPace: Pace = Object.freeze({
  warmUpMs: 1_500,
  steadyMs: 1_000,
  faultMs: 3_500,
  afterMs: 1_000,
  readBackWithinMs: 3_000,
})

export interface ScenarioSettings {
  app: App
  databaseUrl: string
  seed: number
  rate: number
  cycles: number
  pace: Pace
  /** Folder for the logs of the processes. */
  logs: string | undefined
}

export interface Strike {
  struckAtMs: number
  healedAtMs: number
}

/** Of one process, after one of the repeated faults. */
export interface ResourceSample {
  shop: number
  rssBytes: number
  /** Without the connections of the load itself. */
  handles: number
}

/** What was seen while a fault was played; times are `performance.now()` of this process. */
export interface Observations {
  fault: Fault
  warmUntilMs: number
  strikes: readonly Strike[]
  records: readonly RequestRecord[]
  ledger: Ledger
  /** In the order of the processes. */
  watches: readonly LinkWatch[]
  readBack: ReadBack
  prices: Prices
  /** Undefined for an app that has nothing of that. */
  people: PeopleCounts | undefined
  resources: readonly ResourceSample[]
  deaths: readonly string[]
  logLines: number
  lagMs: number
}

const vendorIds = ['vendor-1', 'vendor-2', 'vendor-3']
const bootWithinMs = 15_000
const recoverWithinMs = 30_000
/** For repeated faults: how long the processes have to notice. */
const noticeWithinMs = 3_000
const betweenCyclesMs = 200

/** Plays one fault from start to end, on a Redis and two processes of its own. */
export async function play(
  fault: Fault,
  settings: ScenarioSettings,
  progress: Progress,
): Promise<Observations> {
  progress.phase('starting')
  const stage = await fault.open()
  try {
    const fleet = await Fleet.start(settings.app, settings.databaseUrl, stage.environments)
    try {
      return await playOn(fault, stage, fleet, settings, progress)
    } finally {
      if (settings.logs !== undefined) await fleet.keepLogs(settings.logs, `${fault.topology}-${fault.name}`)
      await fleet.stop()
    }
  } finally {
    await stage.close()
  }
}

async function playOn(
  fault: Fault,
  stage: Stage,
  fleet: Fleet,
  settings: ScenarioSettings,
  progress: Progress,
): Promise<Observations> {
  const { seed, rate, cycles, pace } = settings
  const ledger = new Ledger()
  const { shops } = fleet
  const prices = new Prices()
  const users = new Users(shops, settings.app === 'storefront')
  const load = new Load({ shops, visits: new Visits(seed, ledger), users, ledger, prices, rate })
  const people = settings.app === 'storefront' ? new People(shops, seed) : undefined
  const watches = fleet.shops.map((shop) => new LinkWatch(shop))
  const affected = fault.strikes === 'both' ? watches : watches.slice(0, 1)
  const allUp = (): boolean => watches.every(({ up }) => up)
  const strikes: Strike[] = []
  const resources: ResourceSample[] = []

  const strikeFor = async (hold: () => Promise<unknown>): Promise<void> => {
    const struckAtMs = performance.now()
    await stage.strike()
    await hold()
    progress.phase('mending')
    await stage.heal()
    strikes.push({ struckAtMs, healedAtMs: performance.now() })
  }

  for (const watch of watches) watch.start()
  try {
    await eventually(allUp, { withinMs: bootWithinMs })
    await users.signIn(vendorIds)
    await people?.prepare(vendorIds, settings.databaseUrl)
    progress.watch(load, ledger)
    progress.phase('warming up')
    load.start()
    people?.start()
    await delay(pace.warmUpMs)
    const warmUntilMs = performance.now()
    progress.phase('steady')
    await delay(pace.steadyMs)

    for (let cycle = 1; cycle <= (fault.repeated ? cycles : 1); cycle++) {
      progress.phase(fault.repeated ? `cycle ${cycle} of ${cycles}` : fault.title)
      // A fault that nobody notices is measured, not an error of this program.
      const noticed = (): Promise<unknown> =>
        eventually(() => affected.every(({ up }) => !up), { withinMs: noticeWithinMs }).catch(() => undefined)
      await strikeFor(fault.repeated ? noticed : () => delay(pace.faultMs))
      await eventually(allUp, { withinMs: recoverWithinMs }).catch(() => undefined)
      if (!fault.repeated) continue
      await delay(betweenCyclesMs)
      for (const shop of fleet.shops) {
        const connections = load.connectionsTo(shop.index) + (watches[shop.index]?.connections ?? 0)
        const now = shop.resources()
        if (now !== undefined) {
          resources.push({ shop: shop.index, rssBytes: now.rssBytes, handles: now.handles - connections })
        }
      }
    }

    progress.phase('after')
    await delay(pace.afterMs)
    await Promise.all([load.stop(), people?.stop()])
    progress.phase(`reading back ${ledger.entries.length} instances`)
    const back = await readBack(fleet.shops, users, ledger.entries, pace.readBackWithinMs)
    const counted = await people?.count(settings.databaseUrl)
    return {
      fault,
      warmUntilMs,
      strikes,
      records: load.records,
      ledger,
      watches,
      readBack: back,
      prices,
      people: counted,
      resources,
      deaths: fleet.shops.flatMap(({ death }) => death ?? []),
      logLines: fleet.logLines,
      lagMs: load.lagMs,
    }
  } finally {
    progress.rest()
    await load.stop()
    await Promise.all(watches.map((watch) => watch.stop()))
    users.close()
    await people?.close()
  }
}
