import { performance } from 'node:perf_hooks'
import type { CacheCall } from './cache-call.js'
import { isCurrent, valueOf, type CacheEntry, type EntryTimes } from './cache-entry.js'
import type { CacheEvents, NotStoredReason } from './cache-events.js'
import type { Counters } from './cache-stats.js'
import type { EntryFactory, Lifetimes } from './entry-factory.js'
import { CacheClosedError, CacheValueError } from './errors.js'
import type { KeyWatch } from './key-watch.js'
import type { LocalLevel } from './levels/local-level.js'
import { Load, type LoadOutcome } from './load.js'
import { LoaderRun } from './loader-run.js'
import type { Found, Lookups } from './lookup.js'
import { entryTail, entryText } from './redis/entry-text.js'
import type { SharedLevel } from './redis/shared-level.js'
import type { TagRecord, TagTable } from './tags/tag-table.js'
import { nonce, versionUs, type TagVersion } from './tags/tag-version.js'

/** How loads work. */
export interface LoadsOptions {
  /** One load over all processes, by a lock in Redis. */
  readonly lock: boolean
  readonly lockTtlMs: number
  readonly lockWaitMs: number
  readonly maxEntryBytes: number
  /** Share of the fresh time that is taken off at random. */
  readonly jitter: number
}

/** What {@link Loads} work with. */
export interface LoadsParts {
  readonly table: TagTable
  readonly local: LocalLevel
  readonly shared: SharedLevel | undefined
  readonly watch: KeyWatch
  readonly entries: EntryFactory
  readonly lookups: Lookups
  readonly events: CacheEvents
  readonly counters: Counters
  /** A tag of this process that is renewed when Redis returns: what is loaded in an outage ends with it. */
  readonly outage: TagRecord
}

/** Pauses between two looks at a lock that somebody else holds; each longer than the one before. */
const firstPauseMs = 20
const longestPauseMs = 200
/** Clocks of this process and of Redis agree to half a round trip. */
const clockMarginUs = 1_000_000
/** A message to ourselves is not waited for any longer. */
const echoWithinMs = 1000

/** How the race for the right to load ended. */
type Race =
  | { readonly kind: 'locked'; readonly token: string }
  /** Without a lock: what is loaded is for this process, or locks are off. */
  | { readonly kind: 'free' }
  | { readonly kind: 'found'; readonly entry: CacheEntry; readonly changes: number }
  | { readonly kind: 'declined' }

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
  readonly #options: LoadsOptions
  readonly #parts: LoadsParts
  readonly #running = new Map<string, Load>()
  readonly #all = new Set<Load>()
  readonly #commits = new Set<Promise<unknown>>()
  #closed = false

  constructor(options: LoadsOptions, parts: LoadsParts) {
    this.#options = options
    this.#parts = parts
  }

  /** Loads that are under way. */
  get size(): number {
    return this.#all.size
  }

  /**
   * A load whose outcome is right for a call that began then; undefined where it has to begin one. Who may
   * have missed that the key was removed joins only what began behind it.
   */
  find(call: CacheCall, found: Found, beganMs: number): Load | undefined {
    const { shared } = this.#parts
    const running = this.#running.get(call.name)
    if (running?.isFor(call, found) !== true) return undefined
    const hears = shared === undefined || !shared.up || (shared.trusted && !call.strong)
    return hears || running.begunMs >= beganMs ? running : undefined
  }

  begin(call: CacheCall, found: Found, background: boolean): Load {
    const { table, watch } = this.#parts
    const offline = found.offline || this.#parts.shared?.up === false
    const load = new Load(call, found, watch.begin(call.name), background, offline)
    load.outageVersion = this.#parts.outage.version
    load.period = table.period
    for (const record of load.records) table.hold(record)
    this.#running.set(call.name, load)
    this.#all.add(load)
    load.promise = this.#load(load).finally(() => {
      this.#all.delete(load)
      if (this.#running.get(call.name) === load) this.#running.delete(call.name)
      watch.end(load.watched)
      for (const record of load.records) table.release(record)
    })
    // Everybody who waited may have given up; a background load has nobody.
    load.promise.catch(() => undefined)
    return load
  }

  /** Resolves when what was loaded so far has been stored in Redis, or could not be. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#commits])
  }

  /** Gives up what is under way. */
  async close(): Promise<void> {
    this.#closed = true
    const reason = new CacheClosedError()
    for (const load of this.#all) {
      load.giveUp(reason)
      load.run?.close()
    }
    await this.settled()
  }

  async #load(load: Load): Promise<LoadOutcome> {
    const race = await this.#race(load)
    switch (race.kind) {
      case 'found':
        return { entry: race.entry, value: valueOf(race.entry), how: 'redis', changes: race.changes }
      case 'declined': {
        const { fallback } = load
        const current = fallback !== undefined && isCurrent(fallback, this.#parts.table)
        const entry = current ? fallback : undefined
        return { entry, value: entry === undefined ? undefined : valueOf(entry), how: 'declined' }
      }
      default:
        return this.#run(load, race.kind === 'locked' ? race.token : undefined)
    }
  }

  async #race(load: Load): Promise<Race> {
    const { shared, events } = this.#parts
    if (shared?.up !== true || !load.storable) return { kind: 'free' }
    try {
      if (this.#options.lock) return await this.#takeLock(shared, load)
      if (load.versions.includes(undefined)) await this.#touch(shared, load)
      return { kind: 'free' }
    } catch (error) {
      if (load.abandoned !== undefined) throw load.abandoned
      if (events.active) events.emit({ kind: 'redis-failed', doing: 'lock', error })
      load.storable = false
      return { kind: 'free' }
    }
  }

  async #takeLock(shared: SharedLevel, load: Load): Promise<Race> {
    const token = nonce()
    const { cluster } = shared.link.traits
    const untilMs = performance.now() + this.#options.lockWaitMs
    let pauseMs = firstPauseMs
    for (;;) {
      if (cluster && load.versions.includes(undefined)) await this.#touch(shared, load)
      const asked = load.records.map((record) => this.#parts.table.ask(record))
      const known = load.versions.map((version) => version ?? '')
      const reply = await shared.lock(load.call.name, load.seenId, token, load.records, known)
      if (!cluster) {
        for (const [index, record] of load.records.entries()) {
          const at = asked[index]
          if (at !== undefined) this.#parts.table.accept(record, reply.versions[index], at)
        }
        this.#capture(load, reply.versions)
      }
      if (reply.kind === 'locked') return { kind: 'locked', token }
      if (reply.kind === 'changed') {
        const { changes } = this.#parts.table
        const entry = await this.#lookAgain(load)
        if (entry !== undefined) return { kind: 'found', entry, changes }
      } else {
        const { fallback } = load
        const goodEnough = fallback !== undefined && performance.now() < fallback.staleUntilMs
        if (load.background || (goodEnough && isCurrent(fallback, this.#parts.table)))
          return { kind: 'declined' }
        await this.#pause(load, pauseMs * (0.75 + Math.random() / 2))
        pauseMs = Math.min(longestPauseMs, pauseMs * 1.6)
        if (cluster)
          for (const [index, record] of load.records.entries()) load.versions[index] = record.version
      }
      if (load.abandoned !== undefined) throw load.abandoned
      if (performance.now() > untilMs) {
        // Whoever has the lock will store; this one is for those who waited here.
        load.storable = false
        return { kind: 'free' }
      }
    }
  }

  /** There is another entry than the one that was seen: it may be what is wanted. */
  async #lookAgain(load: Load): Promise<CacheEntry | undefined> {
    const lookup = this.#parts.lookups.begin(load.call)
    try {
      const found = await lookup.found
      load.seenId = found.seenId
      this.#capture(load, found.versions)
      const { entry } = found
      if (entry !== undefined && performance.now() < entry.freshUntilMs) return entry
      load.fallback = entry
      return undefined
    } finally {
      lookup.leave()
    }
  }

  async #touch(shared: SharedLevel, load: Load): Promise<void> {
    const missing = load.records.filter((_record, index) => load.versions[index] === undefined)
    const asked = missing.map((record) => this.#parts.table.ask(record))
    const versions = await shared.touch(missing)
    for (const [index, record] of missing.entries()) {
      const at = asked[index]
      if (at !== undefined) this.#parts.table.accept(record, versions[index], at)
      load.versions[load.records.indexOf(record)] = record.local ? record.version : versions[index]
    }
    if (missing.some(({ local }) => local)) load.storable = false
  }

  #capture(load: Load, versions: readonly (TagVersion | undefined)[]): void {
    for (const [index, record] of load.records.entries()) {
      load.versions[index] = record.local ? record.version : versions[index]
      // It was invalidated here and Redis has not answered yet: what is loaded now is for now.
      if (record.local) load.storable = false
    }
  }

  #pause(load: Load, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        load.wake = () => undefined
        resolve()
      }
      const timer = setTimeout(done, ms)
      load.wake = done
    })
  }

  async #run(load: Load, token: string | undefined): Promise<LoadOutcome> {
    const { counters, events, table } = this.#parts
    const { call } = load
    if (load.abandoned !== undefined || this.#closed) throw load.abandoned ?? new CacheClosedError()
    const run = new LoaderRun(call.key, call.scope, table)
    load.run = run
    const stopHolding = token === undefined ? undefined : this.#holdLock(call.name, token)
    counters.loads += 1
    try {
      const value = await run.run(call.loader, call.loaderTimeoutMs)
      const tookMs = performance.now() - run.startedMs
      counters.loadMs += tookMs
      counters.longestLoadMs = Math.max(counters.longestLoadMs, tookMs)
      if (events.active) events.emit({ kind: 'load', key: call.name, tookMs })
      return await this.#store(load, run, value, token)
    } catch (error) {
      counters.loadsFailed += 1
      if (error instanceof Error && 'code' in error && error.code === 'STAY_CACHE_LOADER_TIMEOUT') {
        counters.loadsTimedOut += 1
      }
      this.#unlock(load, token)
      const fallback = await this.#fallback(load)
      if (events.active) {
        events.emit({ kind: 'load-failed', key: call.name, error, covered: fallback !== undefined })
      }
      if (fallback === undefined) throw error
      return { entry: fallback, value: valueOf(fallback), how: 'covered' }
    } finally {
      run.end()
      stopHolding?.()
    }
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

  async #store(load: Load, run: LoaderRun, value: unknown, token: string | undefined): Promise<LoadOutcome> {
    const { call } = load
    const nothing = value === undefined || value === null
    const unkept = (reason: NotStoredReason): LoadOutcome => {
      this.#notStored(load, token, reason)
      return { entry: undefined, value, how: 'loaded', late: run.added.length > 0 }
    }
    if (!run.storing) return unkept('asked')
    if (value === undefined && call.negativeMs === undefined) return unkept('nothing')
    const text = this.#encode(call, value)
    if (text.length > this.#options.maxEntryBytes) return unkept('too-large')
    const added = run.added.filter((name) => !load.records.some((record) => record.name === name))
    const extra = added.length === 0 ? noTags : await this.#addedTags(load, run, added)
    try {
      const entry = this.#makeEntry(load, run, text, nothing ? call.negativeMs : undefined, extra)
      const reason = this.#whyNot(load, entry, extra)
      if (reason === undefined) this.#keep(load, entry, text, token)
      else this.#notStored(load, token, reason)
      return { entry, value: call.codec.decode(text), how: 'loaded', late: reason === 'late-tag' }
    } finally {
      for (const record of extra?.records ?? []) this.#parts.table.release(record)
    }
  }

  #encode(call: CacheCall, value: unknown): string {
    try {
      return call.codec.encode(value)
    } catch (cause) {
      throw new CacheValueError(call.key, { cause })
    }
  }

  #makeEntry(
    load: Load,
    run: LoaderRun,
    text: string,
    negativeMs: number | undefined,
    extra: AddedTags | undefined,
  ): CacheEntry {
    const { call } = load
    const records = [...load.records, ...(extra?.records ?? [])]
    const versions = [...load.versions, ...(extra?.versions ?? [])]
    const known = versions.filter((version) => version !== undefined)
    // Unknown tags make what was loaded worth nothing to anybody but those who waited.
    const complete = extra !== undefined && known.length === records.length
    if (complete && load.offline) {
      records.push(this.#parts.outage)
      known.push(load.outageVersion ?? '')
    }
    const times = this.#times(load.call.lifetimes, negativeMs)
    return this.#parts.entries.make(
      {
        id: nonce(),
        records: complete ? records : [],
        versions: complete ? known : [],
        epochs: call.epochs.length,
        loadedMs: run.startedMs,
        period: load.period,
        text,
      },
      times,
      call.codec,
    )
  }

  #times(lifetimes: { ttlMs: number; staleMs: number; errorMs: number }, negativeMs?: number): EntryTimes {
    const { freshMs, staleMs, errorMs } = lifetimesOf(lifetimes, this.#options.jitter, negativeMs)
    const nowMs = performance.now()
    return {
      createdMs: nowMs,
      freshUntilMs: nowMs + freshMs,
      staleUntilMs: nowMs + staleMs,
      errorUntilMs: nowMs + errorMs,
    }
  }

  #whyNot(load: Load, entry: CacheEntry, extra: AddedTags | undefined): NotStoredReason | undefined {
    if (extra === undefined) return 'late-tag'
    if (load.watched.overtaken) return 'overtaken'
    // No tags at all: they are unknown, for each entry has at least those of its scopes.
    if (entry.records.length === 0) return 'invalidated'
    for (const [index, record] of entry.records.entries()) {
      // Without a lease a tag may be unknown now; then it is read before the entry is answered.
      if (record.version !== undefined && record.version !== entry.versions[index]) return 'invalidated'
    }
    return undefined
  }

  #keep(load: Load, entry: CacheEntry, text: string, token: string | undefined): void {
    const { local, shared, events } = this.#parts
    const { call } = load
    local.set(call.name, entry)
    if (events.active) events.emit({ kind: 'set', key: call.name, bytes: entry.bytes })
    if (shared?.up !== true || !load.storable || (this.#options.lock && token === undefined)) {
      this.#unlock(load, token)
      return
    }
    const redisNowMs = shared.nowMs()
    const offsetMs = redisNowMs - entry.createdMs
    const tail = entryTail(
      {
        codec: call.codec.letter,
        createdMs: redisNowMs,
        freshUntilMs: Math.round(entry.freshUntilMs + offsetMs),
        staleUntilMs: Math.round(entry.staleUntilMs + offsetMs),
        errorUntilMs: Math.round(entry.errorUntilMs + offsetMs),
        tags: entry.records.map(({ name }) => name),
      },
      text,
    )
    const keepMs = Math.max(entry.freshUntilMs, entry.staleUntilMs, entry.errorUntilMs) - entry.createdMs
    const whole = entryText(entry.id, entry.versions, tail)
    this.#track('store', shared.commit(call.name, token, whole, Math.max(1, Math.ceil(keepMs))))
  }

  #notStored(load: Load, token: string | undefined, reason: NotStoredReason): void {
    const { events } = this.#parts
    if (events.active) events.emit({ kind: 'not-stored', key: load.call.name, reason })
    this.#unlock(load, token)
  }

  /** Beside the answer, which does not wait for it. */
  #unlock(load: Load, token: string | undefined): void {
    const { shared } = this.#parts
    if (token === undefined || shared?.up !== true) return
    this.#track('unlock', shared.holdLock(load.call.name, token, 0))
  }

  #holdLock(name: string, token: string): () => void {
    const { shared } = this.#parts
    const { lockTtlMs } = this.#options
    const timer = setInterval(() => {
      if (shared?.up === true) this.#track('hold the lock', shared.holdLock(name, token, lockTtlMs))
    }, lockTtlMs / 3)
    return () => {
      clearInterval(timer)
    }
  }

  #track(doing: string, work: Promise<unknown>): void {
    const { events } = this.#parts
    const tracked = work
      .catch((error: unknown) => {
        if (events.active) events.emit({ kind: 'redis-failed', doing, error })
      })
      .finally(() => this.#commits.delete(tracked))
    this.#commits.add(tracked)
  }

  /**
   * The versions of tags that the loader added. They must be from before it began, or nothing may have
   * been said of them since: a tag that was invalidated while the loader ran has a version already that
   * its value is too old for.
   *
   * @returns Undefined where that is not certain.
   */
  async #addedTags(load: Load, run: LoaderRun, names: readonly string[]): Promise<AddedTags | undefined> {
    const { table, events } = this.#parts
    const records = names.map((name) => table.acquire(name))
    const heard = (): boolean => names.some((name) => run.heardOf(name))
    const release = (): void => {
      for (const record of records) table.release(record)
    }
    let versions: readonly (TagVersion | undefined)[] | undefined
    try {
      if (!heard()) versions = await this.#versionsFromBefore(load, run, records)
    } catch (error) {
      if (events.active) events.emit({ kind: 'redis-failed', doing: 'read tags', error })
    }
    if (versions !== undefined && !heard()) return { records, versions }
    release()
    return undefined
  }

  async #versionsFromBefore(
    load: Load,
    run: LoaderRun,
    records: readonly TagRecord[],
  ): Promise<readonly (TagVersion | undefined)[] | undefined> {
    const { table, shared } = this.#parts
    if (shared === undefined) return records.map(({ version }) => version)
    if (!shared.up) return load.offline ? records.map((record) => table.makeLocal(record)) : undefined
    if (load.offline) return undefined
    if (records.some(({ local, name }) => local || shared.invalidations.isTagPending(name))) return undefined
    const unknown = records.filter(
      ({ version, sinceMs }) => !shared.trusted || version === undefined || sinceMs >= run.startedMs,
    )
    const asked = unknown.map((record) => table.ask(record))
    const versions = unknown.length === 0 ? [] : await shared.touch(unknown)
    for (const [index, record] of unknown.entries()) {
      const at = asked[index]
      if (at !== undefined) table.accept(record, versions[index], at)
    }
    const startedUs = shared.link.clock.nowUs() - (performance.now() - run.startedMs) * 1000
    const isNew = versions.some((version) => versionUs(version) > startedUs - clockMarginUs)
    // What was said of them before they were read has been heard by then.
    if (isNew && !(shared.trusted && (await shared.invalidations.caughtUp(echoWithinMs)))) return undefined
    const said = new Map(unknown.map((record, index) => [record, versions[index]]))
    return records.map((record) => said.get(record) ?? record.version)
  }
}

interface AddedTags {
  readonly records: readonly TagRecord[]
  readonly versions: readonly (TagVersion | undefined)[]
}

const noTags: AddedTags = { records: [], versions: [] }

/** Ends counted from now. An entry never lives longer than it was given: jitter takes off and adds nothing. */
export function lifetimesOf(
  { ttlMs, staleMs, errorMs }: { readonly ttlMs: number; readonly staleMs: number; readonly errorMs: number },
  jitter: number,
  negativeMs?: number,
): Lifetimes {
  const freshMs = (negativeMs ?? ttlMs) * (1 - jitter * Math.random())
  if (negativeMs !== undefined) return { freshMs, staleMs: freshMs, errorMs: freshMs }
  return { freshMs, staleMs: freshMs + staleMs, errorMs: freshMs + errorMs }
}
