import { performance } from 'node:perf_hooks'
import { checkCallOptions, storeTimes, tagNames, usableMsOf, type CallDefaults } from './cache-call.js'
import { usableUntilMs, type EntryTimes } from './cache-entry.js'
import type { CacheEvents } from './cache-events.js'
import type { Counters } from './cache-stats.js'
import { encode, isLarger, jsonCodec, type Codec } from './codec.js'
import { lifetimesOf, type EntryFactory } from './entry-factory.js'
import { CacheClosedError, CacheTooLargeError, CacheValueError } from './errors.js'
import type { KeyWatch, WatchedKey } from './key-watch.js'
import type { LocalLevel } from './levels/local-level.js'
import { entryTail, entryText } from './redis/entry-text.js'
import type { SharedLevel } from './redis/shared-level.js'
import { nameOf, type Scope } from './scope.js'
import type { Invalidated, StoreOptions } from './tagged-cache.js'
import type { TagRecord, TagTable } from './tags/tag-table.js'
import { nonce, type TagVersion } from './tags/tag-version.js'

/** What {@link Writes} work with. */
export interface WritesParts {
  readonly table: TagTable
  readonly local: LocalLevel
  readonly shared: SharedLevel | undefined
  readonly watch: KeyWatch
  readonly entries: EntryFactory
  readonly events: CacheEvents
  readonly counters: Counters
  /** What is set in an outage has it. */
  readonly outage: TagRecord
}

/** How {@link Writes} work. */
export interface WritesOptions extends CallDefaults {
  readonly lock: boolean
  readonly maxEntryBytes: number
  /** Share of the fresh time that is taken off at random. */
  readonly jitter: number
}

interface KeptVersions {
  readonly records: readonly TagRecord[]
  readonly versions: readonly TagVersion[]
}

/** What became of a value in Redis. */
interface Written {
  readonly stored: boolean
  /** The versions under which it may stay in this process's memory; undefined where they are not known. */
  readonly kept: KeptVersions | undefined
}

const notWritten: Written = Object.freeze({ stored: false, kept: undefined })
const alone: Invalidated = Object.freeze({ delivered: true, durability: 'buffered' })
const nothingToDo: Invalidated = Object.freeze({ delivered: true, durability: 'redis' })

/** Stores what is given, and takes away what is no longer right. */
export class Writes {
  readonly #options: WritesOptions
  readonly #table: TagTable
  readonly #local: LocalLevel
  readonly #shared: SharedLevel | undefined
  readonly #watch: KeyWatch
  readonly #entries: EntryFactory
  readonly #events: CacheEvents
  readonly #counters: Counters
  readonly #outage: TagRecord
  #closed = false

  constructor(options: WritesOptions, parts: WritesParts) {
    this.#options = options
    this.#table = parts.table
    this.#local = parts.local
    this.#shared = parts.shared
    this.#watch = parts.watch
    this.#entries = parts.entries
    this.#events = parts.events
    this.#counters = parts.counters
    this.#outage = parts.outage
  }

  /** From now on who writes is refused: nobody would see to what has to wait for Redis. */
  close(): void {
    this.#closed = true
  }

  async set(
    scope: Scope,
    key: string,
    value: unknown,
    options: StoreOptions,
    codec: Codec<unknown> = jsonCodec,
  ): Promise<Pick<Invalidated, 'durability'>> {
    this.#refuseWhenClosed()
    checkCallOptions(options)
    const name = scope.nameOf(nameOf('key', key))
    // That there is nothing may be remembered of a loader, for a time of its own; who sets it has made a mistake.
    if (value === undefined) throw new CacheValueError(key, { cause: new TypeError('it is undefined') })
    const text = encode(codec, key, value)
    const { maxEntryBytes } = this.#options
    if (isLarger(text, maxEntryBytes))
      throw new CacheTooLargeError(key, Buffer.byteLength(text), maxEntryBytes)
    const names = [...scope.epochs, ...tagNames(scope, options.tags ?? [])]
    const records = names.map((tag) => this.#table.acquire(tag))
    // Whatever is being read or loaded for this key is older.
    this.forgetKey(name)
    const watched = this.#watch.begin<WatchedKey>({ key: name, overtaken: false, next: undefined })
    this.#counters.sets += 1
    try {
      const lifetimes = storeTimes(options, this.#options)
      const { freshMs, staleMs, errorMs } = lifetimesOf(lifetimes, this.#options.jitter)
      const nowMs = performance.now()
      const times = {
        createdMs: nowMs,
        freshUntilMs: nowMs + freshMs,
        staleUntilMs: nowMs + staleMs,
        errorUntilMs: nowMs + errorMs,
      }
      const parts = {
        id: nonce(),
        epochs: scope.epochs.length,
        loadedMs: nowMs,
        period: this.#table.period,
        text,
      }
      const usableMs = usableMsOf(lifetimes)
      const written = await this.#setInRedis(name, { ...parts, usableMs }, codec, times, records)
      const kept = written.kept ?? this.#versionsHere(records)
      const { overtaken } = watched
      // Redis may have been read since; and what another call has set meanwhile may be older there than this.
      this.forgetKey(name)
      if (kept !== undefined && !overtaken) {
        this.#local.set(name, this.#entries.make({ ...parts, ...kept }, times, codec))
      }
      if (this.#events.active) this.#events.emit({ kind: 'set', key: name, bytes: text.length })
      return { durability: written.stored ? 'redis' : 'buffered' }
    } finally {
      this.#watch.end(watched)
      for (const record of records) this.#table.release(record)
    }
  }

  async delete(scope: Scope, key: string): Promise<Invalidated> {
    this.#refuseWhenClosed()
    const name = scope.nameOf(nameOf('key', key))
    this.forgetKey(name)
    this.#counters.deletes += 1
    const result =
      this.#shared === undefined
        ? alone
        : await this.#shared.delete(name, !this.#options.lock, () => {
            // Redis may have been read since.
            this.forgetKey(name)
          })
    if (this.#events.active) this.#events.emit({ kind: 'delete', key: name })
    return result
  }

  async invalidateTags(scope: Scope, tags: readonly string[]): Promise<Invalidated> {
    return this.#invalidate(tagNames(scope, tags))
  }

  async clear(scope: Scope): Promise<Invalidated> {
    return this.#invalidate([scope.epoch])
  }

  async #setInRedis(
    name: string,
    { id, text, usableMs }: { readonly id: string; readonly text: string; readonly usableMs: number },
    codec: Codec<unknown>,
    times: EntryTimes,
    records: readonly TagRecord[],
  ): Promise<Written> {
    const shared = this.#shared
    if (shared === undefined) return notWritten
    const { invalidations } = shared
    const waits =
      records.some(({ local, name: tag }) => local || invalidations.waiting.isTagPending(tag)) ||
      invalidations.waiting.isKeyPending(name)
    if (!shared.up || waits) {
      invalidations.deleteLater(name)
      return { stored: false, kept: shared.up ? this.#versionsKnown(records) : undefined }
    }
    let kept: KeptVersions | undefined
    try {
      const versions = await this.#versionsOf(shared, records, usableMs)
      kept = { records, versions }
      const offsetMs = shared.nowMs() - times.createdMs
      const tail = entryTail(
        {
          codec: codec.letter,
          createdMs: Math.round(times.createdMs + offsetMs),
          freshUntilMs: Math.round(times.freshUntilMs + offsetMs),
          staleUntilMs: Math.round(times.staleUntilMs + offsetMs),
          errorUntilMs: Math.round(times.errorUntilMs + offsetMs),
          tags: records.map((record) => record.name),
        },
        text,
      )
      const ttlMs = Math.max(1, Math.ceil(usableUntilMs(times) - times.createdMs))
      await shared.set(name, entryText(id, versions, tail), ttlMs)
      return { stored: true, kept }
    } catch (error) {
      if (this.#events.active) this.#events.emit({ kind: 'redis-failed', doing: 'set', error })
      invalidations.deleteLater(name)
      // Such as a full server: the value stays here, under versions that others can change.
      return { stored: false, kept }
    }
  }

  /** What tags have at the moment: known, or read and made by one command. */
  async #versionsOf(
    shared: SharedLevel,
    records: readonly TagRecord[],
    usableMs: number,
  ): Promise<readonly TagVersion[]> {
    const isCertain = shared.trusted && !records.some((record) => shared.mustTouch(record, usableMs))
    return (isCertain ? this.#versionsKnown(records)?.versions : undefined) ?? shared.touch(records, usableMs)
  }

  #versionsKnown(records: readonly TagRecord[]): KeptVersions | undefined {
    const versions = records.map(({ version }) => version).filter((version) => version !== undefined)
    return versions.length === records.length ? { records, versions } : undefined
  }

  /** The versions under which a value may stay in this process alone. */
  #versionsHere(records: readonly TagRecord[]): KeptVersions | undefined {
    if (this.#shared !== undefined && this.#shared.up) return undefined
    const own = this.#shared === undefined ? records : [...records, this.#outage]
    return { records: own, versions: own.map((record) => this.#table.makeLocal(record)) }
  }

  async #invalidate(names: readonly string[]): Promise<Invalidated> {
    this.#refuseWhenClosed()
    if (names.length === 0) return this.#shared === undefined ? alone : nothingToDo
    this.#counters.invalidations += names.length
    const result =
      this.#shared === undefined
        ? this.#invalidateHere(names)
        : await this.#shared.invalidations.invalidate(names)
    if (this.#events.active) {
      this.#events.emit({ kind: 'invalidate', tags: names, delivered: result.delivered })
    }
    return result
  }

  #refuseWhenClosed(): void {
    if (this.#closed) throw new CacheClosedError()
  }

  #invalidateHere(names: readonly string[]): Invalidated {
    for (const name of names) {
      const record = this.#table.acquire(name)
      this.#table.invalidateHere(record)
      this.#table.release(record)
    }
    return alone
  }

  /** The key was written or removed: what is being read or loaded of it is older. */
  forgetKey(name: string): void {
    this.#watch.overtake(name)
    this.#local.delete(name)
  }
}
