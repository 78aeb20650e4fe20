import { performance } from 'node:perf_hooks'
import type { CacheCall } from '../cache-call.js'
import { usableUntilMs, type CacheEntry, type EntryTimes } from '../cache-entry.js'
import type { CacheEvents, NotStoredReason } from '../cache-events.js'
import { encode, isLarger } from '../codec.js'
import { lifetimesOf, type EntryFactory } from '../entry-factory.js'
import type { LocalLevel } from '../levels/local-level.js'
import { entryTail, entryText } from '../redis/entry-text.js'
import type { SharedLevel } from '../redis/shared-level.js'
import type { TagRecord, TagTable } from '../tags/tag-table.js'
import { nonce, type TagVersion } from '../tags/tag-version.js'
import { AddedTagReader, type AddedTags } from './added-tags.js'
import type { Load, LoadOutcome } from './load.js'
import type { LoaderRun } from './loader-run.js'

/** How {@link LoadResults} are kept. */
export interface LoadResultsOptions {
  readonly lock: boolean
  readonly maxEntryBytes: number
  /** Share of the fresh time that is taken off at random. */
  readonly jitter: number
}

/** What {@link LoadResults} work with. */
export interface LoadResultsParts {
  readonly table: TagTable
  readonly local: LocalLevel
  readonly shared: SharedLevel | undefined
  readonly entries: EntryFactory
  readonly events: CacheEvents
  /** A tag of this process that is renewed when Redis returns: what is loaded in an outage ends with it. */
  readonly outage: TagRecord
}

/**
 * Keeps what was loaded: in memory, if the versions that were captured before the loader began still hold,
 * and then in Redis, if the lock is still ours. Who waits for the value does not wait for Redis.
 */
export class LoadResults {
  readonly #options: LoadResultsOptions
  readonly #parts: LoadResultsParts
  readonly #addedTags: AddedTagReader
  readonly #unlocking = new Set<Promise<unknown>>()

  constructor(options: LoadResultsOptions, parts: LoadResultsParts) {
    this.#options = options
    this.#parts = parts
    this.#addedTags = new AddedTagReader(parts)
  }

  /**
   * @param token - Of the lock that the load has, where it has one.
   * @returns A promise only where tags that the loader added have to be asked for.
   */
  keep(
    load: Load,
    run: LoaderRun,
    value: unknown,
    token: string | undefined,
  ): LoadOutcome | Promise<LoadOutcome> {
    const { call } = load
    if (value === undefined && (call.negativeMs === undefined || !run.storing)) {
      return this.#unkept(load, run, undefined, token, run.storing ? 'nothing' : 'asked')
    }
    const text = encode(call.codec, call.key, value)
    if (!run.storing) return this.#unkept(load, run, text, token, 'asked')
    if (isLarger(text, this.#options.maxEntryBytes)) return this.#unkept(load, run, text, token, 'too-large')
    const late = run.added.filter((name) => !load.records.some((record) => record.name === name))
    if (late.length > 0) return this.#keepWithTags(load, run, value, text, token, late)
    return this.#kept(load, run, value, text, token, noTags)
  }

  async #keepWithTags(
    load: Load,
    run: LoaderRun,
    value: unknown,
    text: string,
    token: string | undefined,
    late: readonly string[],
  ): Promise<LoadOutcome> {
    const added = await this.#addedTags.read(load, run, late)
    try {
      return this.#kept(load, run, value, text, token, added)
    } finally {
      for (const record of added?.records ?? []) this.#parts.table.release(record)
    }
  }

  #kept(
    load: Load,
    run: LoaderRun,
    value: unknown,
    text: string,
    token: string | undefined,
    added: AddedTags | undefined,
  ): LoadOutcome {
    const entry = this.#makeEntry(load, run, text, value, added)
    const reason = whyNot(load, entry, added)
    if (reason === undefined) this.#store(load, entry, text, token)
    else this.#notKept(load, token, reason)
    return { entry, value: load.call.codec.decode(text), how: 'loaded', late: reason === 'late-tag' }
  }

  /** Who waits gets what it would get of a value that is stored. */
  #unkept(
    load: Load,
    run: LoaderRun,
    text: string | undefined,
    token: string | undefined,
    reason: NotStoredReason,
  ): LoadOutcome {
    this.#notKept(load, token, reason)
    const value = text === undefined ? undefined : load.call.codec.decode(text)
    return { entry: undefined, value, how: 'loaded', late: run.added.length > 0 }
  }

  /** Gives the lock back, beside the answer, which does not wait for it. */
  unlock(load: Load, token: string | undefined): void {
    const { shared, events } = this.#parts
    if (token === undefined || shared?.up !== true) return
    const unlocking = shared.locks.hold(load.call.name, token, 0).then(
      () => undefined,
      (error: unknown) => {
        if (events.active) events.emit({ kind: 'redis-failed', doing: 'unlock', error })
      },
    )
    this.#unlocking.add(unlocking)
    void unlocking.then(() => this.#unlocking.delete(unlocking))
  }

  /** Resolves when what was loaded so far has been stored in Redis, or could not be. */
  async settled(): Promise<void> {
    await Promise.all([...this.#unlocking, this.#parts.shared?.locks.settled()])
  }

  #makeEntry(
    load: Load,
    run: LoaderRun,
    text: string,
    value: unknown,
    extra: AddedTags | undefined,
  ): CacheEntry {
    const { call } = load
    const captured = captureOf(load, extra, this.#parts.outage)
    const nothing = value === undefined || value === null
    return this.#parts.entries.make(
      {
        id: nonce(),
        records: captured.records,
        versions: captured.versions,
        epochs: call.epochs.length,
        loadedMs: run.startedMs,
        period: load.period,
        text,
      },
      this.#times(call, nothing ? call.negativeMs : undefined),
      call.codec,
    )
  }

  #times({ lifetimes }: CacheCall, negativeMs: number | undefined): EntryTimes {
    const { freshMs, staleMs, errorMs } = lifetimesOf(lifetimes, this.#options.jitter, negativeMs)
    const nowMs = performance.now()
    return {
      createdMs: nowMs,
      freshUntilMs: nowMs + freshMs,
      staleUntilMs: nowMs + staleMs,
      errorUntilMs: nowMs + errorMs,
    }
  }

  #store(load: Load, entry: CacheEntry, text: string, token: string | undefined): void {
    const { local, shared, events } = this.#parts
    const { call } = load
    local.set(call.name, entry)
    if (events.active) events.emit({ kind: 'set', key: call.name, bytes: entry.bytes })
    if (shared?.up !== true || !load.storable || (this.#options.lock && token === undefined)) {
      this.unlock(load, token)
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
    const ttlMs = Math.max(1, Math.ceil(usableUntilMs(entry) - entry.createdMs))
    shared.locks.commit(call.name, token, entryText(entry.id, entry.versions, tail), ttlMs)
  }

  #notKept(load: Load, token: string | undefined, reason: NotStoredReason): void {
    const { events } = this.#parts
    if (events.active) events.emit({ kind: 'not-stored', key: load.call.name, reason })
    this.unlock(load, token)
  }
}

const noTags: AddedTags = { records: [], versions: [] }

interface Captured {
  readonly records: readonly TagRecord[]
  readonly versions: readonly TagVersion[]
}

/** Of tags that are unknown: what was loaded is worth nothing to anybody but those who waited. */
const nothingKnown: Captured = { records: [], versions: [] }

/** The tags of what was loaded, with their versions from before. */
function captureOf(load: Load, extra: AddedTags | undefined, outage: TagRecord): Captured {
  if (extra === undefined) return nothingKnown
  const records = [...load.records, ...extra.records]
  const versions: TagVersion[] = []
  for (const version of load.versions) if (version !== undefined) versions.push(version)
  for (const version of extra.versions) if (version !== undefined) versions.push(version)
  if (versions.length !== records.length) return nothingKnown
  if (load.offline) {
    records.push(outage)
    versions.push(load.outageVersion ?? '')
  }
  return { records, versions }
}

function whyNot(load: Load, entry: CacheEntry, extra: AddedTags | undefined): NotStoredReason | undefined {
  if (extra === undefined) return 'late-tag'
  if (load.overtaken) return 'overtaken'
  // No tags at all: they are unknown, for each entry has at least those of its scopes.
  if (entry.records.length === 0) return 'invalidated'
  for (const [index, record] of entry.records.entries()) {
    // Without a lease a tag may be unknown now; then it is read before the entry is answered.
    if (record.version !== undefined && record.version !== entry.versions[index]) return 'invalidated'
  }
  return undefined
}
