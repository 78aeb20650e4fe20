import { performance } from 'node:perf_hooks'
import type { CacheCall } from '../cache-call.js'
import { isCurrent, valueOf, type CacheEntry } from '../cache-entry.js'
import type { Counters } from '../cache-stats.js'
import { CacheClosedError } from '../errors.js'
import type { KeyWatch } from '../key-watch.js'
import type { Found } from '../lookup/lookup.js'
import { HeldLocks } from './held-locks.js'
import { Load, type LoadOutcome } from './load.js'
import { LoadRace, type LoadRaceOptions, type LoadRaceParts, type Race } from './load-race.js'
import { LoadResults, type LoadResultsOptions, type LoadResultsParts } from './load-results.js'
import { LoaderRun } from './loader-run.js'

/** How loads work. */
export interface LoadsOptions extends LoadRaceOptions, LoadResultsOptions {
  readonly lockTtlMs: number
}

/** What {@link Loads} work with. */
export interface LoadsParts extends LoadRaceParts, LoadResultsParts {
  readonly watch: KeyWatch
  readonly counters: Counters
}

/**
 * Runs loaders, one for each key at a time, here and in all processes.
 *
 * ```
 *   capture the versions of the tags
 *        │
 *        ▼   held: wait 20 → 200 ms          changed: somebody stored ──► is it valid? ──► done
 *      lock ◄───────────┐  ▲                        ▲
 *        │ └────────────┴──┴────────────────────────┘
 *        ▼
 *      loader ── fails ──► unlock ──► an older value that was not invalidated, or the error
 *        │
 *        ▼
 *      memory, if the versions still hold ──► Redis, if the lock is still ours
 * ```
 *
 * The versions are captured before the loader begins, and go into the entry: an invalidation while it
 * runs makes them differ, and what was loaded is dead wherever it was stored.
 */
export class Loads {
  readonly #parts: LoadsParts
  readonly #race: LoadRace
  readonly #results: LoadResults
  readonly #held: HeldLocks
  readonly #running = new Map<string, Load>()
  readonly #all = new Set<Load>()
  #closed = false

  constructor(options: LoadsOptions, parts: LoadsParts) {
    this.#parts = parts
    this.#race = new LoadRace(options, parts)
    this.#results = new LoadResults(options, parts)
    this.#held = new HeldLocks({
      lockTtlMs: options.lockTtlMs,
      renew: (name, token) => {
        this.#renew(name, token, options.lockTtlMs)
      },
    })
  }

  /**
   * A load whose outcome is right for a call that began then; undefined where it has to begin one. Who may
   * have missed that the key was removed joins only what began behind it.
   */
  find(call: CacheCall, found: Found, beganMs: number): Load | undefined {
    const running = this.#running.get(call.name)
    if (running?.isFor(call, found) !== true) return undefined
    const { shared } = this.#parts
    const hears = shared === undefined || !shared.up || (shared.trusted && !call.strong)
    return hears || running.begunMs >= beganMs ? running : undefined
  }

  begin(call: CacheCall, found: Found, background: boolean): Load {
    const { table, watch, shared, outage } = this.#parts
    const offline = found.offline || shared?.up === false
    const load = watch.begin(new Load(call, found, background, offline))
    load.outageVersion = outage.version
    load.period = table.period
    for (const record of load.records) table.hold(record)
    this.#running.set(call.name, load)
    this.#all.add(load)
    load.promise = this.#follow(load)
    // Nobody waits for it; all others are waited for by whoever began them.
    if (background) load.promise.catch(ignore)
    return load
  }

  /** Resolves when what was loaded so far has been stored in Redis, or could not be. */
  settled(): Promise<void> {
    return this.#results.settled()
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    this.#closed = true
    const reason = new CacheClosedError()
    for (const load of this.#all) {
      load.giveUp(reason)
      load.run?.close()
    }
    this.#held.close()
    await this.settled()
  }

  #follow(load: Load): Promise<LoadOutcome> {
    return this.#race.isOpen(load) ? this.#raceThenRun(load) : this.#run(load, undefined)
  }

  async #raceThenRun(load: Load): Promise<LoadOutcome> {
    let race: Race | undefined
    try {
      race = await this.#race.run(load)
      if (race.kind === 'declined') return this.#declined(load)
      if (race.kind === 'found') {
        return { entry: race.entry, value: valueOf(race.entry), how: 'redis', changes: race.changes }
      }
    } finally {
      if (race?.kind !== 'locked' && race?.kind !== 'free') this.#ended(load)
    }
    return this.#run(load, race.kind === 'locked' ? race.token : undefined)
  }

  #ended(load: Load): void {
    const { watch, table } = this.#parts
    const { name } = load.call
    this.#all.delete(load)
    if (this.#running.get(name) === load) this.#running.delete(name)
    watch.end(load)
    for (const record of load.records) table.release(record)
    load.end()
  }

  #declined({ fallback }: Load): LoadOutcome {
    const current = fallback !== undefined && isCurrent(fallback, this.#parts.table)
    const entry = current ? fallback : undefined
    return { entry, value: entry === undefined ? undefined : valueOf(entry), how: 'declined' }
  }

  async #run(load: Load, token: string | undefined): Promise<LoadOutcome> {
    const { counters, events, table } = this.#parts
    const { call } = load
    let run: LoaderRun | undefined
    try {
      if (load.abandoned !== undefined || this.#closed) throw load.abandoned ?? new CacheClosedError()
      run = new LoaderRun(call.key, call.scope, table)
      load.run = run
      if (token !== undefined) this.#held.hold(call.name, token)
      counters.loads += 1
      const value = await run.run(call.loader, call.loaderTimeoutMs)
      const tookMs = performance.now() - run.startedMs
      counters.loadMs += tookMs
      if (tookMs > counters.longestLoadMs) counters.longestLoadMs = tookMs
      if (events.active) events.emit({ kind: 'load', key: call.name, tookMs })
      const kept = this.#results.keep(load, run, value, token)
      return kept instanceof Promise ? await kept : kept
    } catch (error) {
      // It never began.
      if (run === undefined) throw error
      return await this.#failed(load, token, error)
    } finally {
      run?.end()
      if (token !== undefined) this.#held.leave(token)
      this.#ended(load)
    }
  }

  /** @throws The error, where no older value stands in. */
  async #failed(load: Load, token: string | undefined, error: unknown): Promise<LoadOutcome> {
    const { counters, events } = this.#parts
    counters.loadsFailed += 1
    if (error instanceof Error && 'code' in error && error.code === 'STAY_CACHE_LOADER_TIMEOUT') {
      counters.loadsTimedOut += 1
    }
    this.#results.unlock(load, token)
    const fallback = await this.#fallback(load)
    if (events.active) {
      const covered = fallback !== undefined
      events.emit({ kind: 'load-failed', key: load.call.name, error, covered })
    }
    if (fallback === undefined) throw error
    return { entry: fallback, value: valueOf(fallback), how: 'covered' }
  }

  /** An older value may stand in for a loader that failed, if it was not invalidated by now. */
  async #fallback(load: Load): Promise<CacheEntry | undefined> {
    const { shared, lookups } = this.#parts
    const { fallback } = load
    if (fallback === undefined || performance.now() >= fallback.errorUntilMs) return undefined
    if (shared === undefined || shared.trusted)
      return isCurrent(fallback, this.#parts.table) ? fallback : undefined
    const lookup = lookups.begin(load.call)
    try {
      const { entry } = await lookup.found
      return entry !== undefined && performance.now() < entry.errorUntilMs ? entry : undefined
    } finally {
      lookup.leave()
    }
  }

  #renew(name: string, token: string, forMs: number): void {
    const { shared, events } = this.#parts
    if (shared?.up !== true) return
    shared.locks.hold(name, token, forMs).catch((error: unknown) => {
      if (events.active) events.emit({ kind: 'redis-failed', doing: 'hold the lock', error })
    })
  }
}

function ignore(): void {
  // An event has told it.
}
