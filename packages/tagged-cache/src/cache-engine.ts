import type { OutboxLogger, RedisLink } from '@stayfast/redis-kit'
import { performance } from 'node:perf_hooks'
import {
  cacheCall,
  checkCallOptions,
  storeTimes,
  tagNames,
  type CacheCall,
  type CallDefaults,
} from './cache-call.js'
import {
  hasTags,
  isCurrent,
  promiseOf,
  usableUntilMs,
  valueOf,
  type CacheEntry,
  type EntryTimes,
} from './cache-entry.js'
import { CacheEvents } from './cache-events.js'
import {
  statsOf,
  zeroCounters,
  type CacheStats,
  type Counters,
  type Sizes,
  type StoredSize,
} from './cache-stats.js'
import { jsonCodec, type Codec } from './codec.js'
import { EntryFactory, lifetimesOf, type DecodedEntry } from './entry-factory.js'
import { CacheClosedError, CacheTooLargeError, CacheValueError } from './errors.js'
import { KeyWatch } from './key-watch.js'
import { LocalLevel } from './levels/local-level.js'
import type { Load } from './loading/load.js'
import { Loads, type LoadsOptions } from './loading/loads.js'
import type { Found } from './lookup/lookup.js'
import { Lookups } from './lookup/lookups.js'
import { entryTail, entryText } from './redis/entry-text.js'
import { Fleet, type FleetReport, type ProcessReport } from './redis/fleet.js'
import { StoredSizeReader } from './redis/stored-size.js'
import { SharedLevel } from './redis/shared-level.js'
import { nameOf, type Scope } from './scope.js'
import type { GetOrSetOptions, Invalidated, Loader, ReadOptions, StoreOptions } from './tagged-cache.js'
import { TagTable, type TagRecord } from './tags/tag-table.js'
import { localVersion, nonce, type TagVersion } from './tags/tag-version.js'
import { TurnClock } from './turn-clock.js'

/** How a {@link CacheEngine} works. */
export interface CacheEngineOptions extends LoadsOptions, CallDefaults {
  /** Undefined: memory alone. */
  readonly link: RedisLink | undefined
  readonly keyPrefix: string
  readonly maxLocalEntries: number
  readonly maxLocalBytes: number
  readonly outageStaleSeconds: number
  readonly earlyRefresh: number
  readonly returns: 'frozen' | 'copy'
  readonly maxBufferedInvalidations: number
  readonly leaseMs?: number | undefined
  readonly confirm?: boolean | undefined
  readonly logger: OutboxLogger
}

/** What a call got, and how. */
export interface Answer {
  /** Undefined where the value was not stored. */
  readonly entry: CacheEntry | undefined
  readonly value: unknown
  /** `'joined'`: somebody else loaded it. */
  readonly how: 'hit' | 'stale' | 'loaded' | 'joined'
}

/** Tags live at least twice as long as the longest entry: one that is gone is a miss for all it was on. */
const tagTtlFactor = 2
const leastTagTtlMs = 86_400_000
/** Tags that no entry in memory has, remembered because knowing them saves a read. */
const idleTags = 10_000
/** A refresh beside the answer that failed is not tried again for so long. */
const refreshAgainMs = 1000
const noTags: readonly string[] = []
const noOptions = Object.freeze({})

/** The cache itself: memory, Redis, tags and loads. Free of Fastify, and of what a tenant is. */
export class CacheEngine {
  readonly events: CacheEvents = new CacheEvents()
  readonly counters: Counters = zeroCounters()
  readonly shared: SharedLevel | undefined
  readonly #options: CacheEngineOptions
  readonly #table: TagTable
  readonly #local: LocalLevel
  readonly #watch = new KeyWatch()
  readonly #entries: EntryFactory
  readonly #lookups: Lookups
  readonly #loads: Loads
  readonly #turn: TurnClock
  readonly #copying: boolean
  readonly #fleet: Fleet | undefined
  readonly #storedSize: StoredSizeReader | undefined
  /** A tag that is renewed when Redis returns: what is loaded in an outage has it, and ends with the outage. */
  readonly #outage: TagRecord = {
    name: '',
    version: localVersion(),
    local: true,
    sequence: 0,
    inFlight: 0,
    crossed: false,
    echo: undefined,
    uses: 1,
    sinceMs: 0,
  }
  #closed = false

  constructor(options: CacheEngineOptions) {
    this.#options = options
    const { link } = options
    this.#copying = options.returns === 'copy'
    this.#table = new TagTable({ maxIdle: idleTags, alwaysLocal: link === undefined })
    this.#local = new LocalLevel({
      table: this.#table,
      maxEntries: options.maxLocalEntries,
      maxBytes: options.maxLocalBytes,
      onEvicted: (key) => {
        this.counters.evictions += 1
        if (this.events.active) this.events.emit({ kind: 'evict', key })
      },
    })
    this.shared =
      link === undefined
        ? undefined
        : new SharedLevel({
            link,
            table: this.#table,
            keyPrefix: options.keyPrefix,
            tagTtlMs: Math.ceil(Math.max(leastTagTtlMs, tagTtlFactor * longestMs(options))),
            lockTtlMs: options.lockTtlMs,
            maxBuffered: options.maxBufferedInvalidations,
            leaseMs: options.leaseMs,
            confirm: options.confirm,
            logger: options.logger,
            onKeyChanged: (name) => {
              this.#forgetKey(name)
            },
            onNotStored: (error) => {
              if (this.events.active) this.events.emit({ kind: 'redis-failed', doing: 'store', error })
            },
            onReturned: () => {
              this.#outage.version = localVersion()
            },
          })
    const { shared: level } = this
    this.#turn = new TurnClock(level === undefined ? () => true : () => level.trusted)
    if (this.shared !== undefined) {
      const { bus, keys } = this.shared
      const report = (): ProcessReport => ({ counters: this.counters, sizes: this.sizes })
      this.#fleet = new Fleet(this.shared.link, bus, `cache-stats:${options.keyPrefix}`, report)
      this.#storedSize = new StoredSizeReader(this.shared.link, keys)
    }
    this.#entries = new EntryFactory({ earlyRefresh: options.earlyRefresh, keepText: this.#copying })
    const parts = {
      table: this.#table,
      local: this.#local,
      shared: this.shared,
      watch: this.#watch,
      entries: this.#entries,
      events: this.events,
      counters: this.counters,
      outage: this.#outage,
    }
    this.#lookups = new Lookups({ ...parts, outageStaleMs: options.outageStaleSeconds * 1000 })
    this.#loads = new Loads(options, { ...parts, lookups: this.#lookups })
  }

  /** Values in memory. */
  get size(): number {
    return this.#local.size
  }

  /** Grows with each invalidation that happens here or is heard. */
  get changes(): number {
    return this.#table.changes
  }

  /** Resolves when what was loaded so far has been stored in Redis, or could not be. */
  settled(): Promise<void> {
    return this.#loads.settled()
  }

  /** Numbers of now. */
  get sizes(): Sizes {
    return {
      keys: this.#local.size,
      bytes: this.#local.bytes,
      buffered: this.shared?.invalidations.buffered ?? 0,
      tags: this.#table.size,
    }
  }

  stats(): CacheStats {
    return statsOf(this.counters, this.sizes)
  }

  /** What all live processes say; without Redis there is this one. */
  fleetReport(): Promise<FleetReport> {
    return (
      this.#fleet?.ask() ??
      Promise.resolve({ reports: [{ counters: this.counters, sizes: this.sizes }], silent: 0 })
    )
  }

  storedSize(): Promise<StoredSize | undefined> {
    return this.#storedSize?.read() ?? Promise.resolve(undefined)
  }

  /** A hit in memory makes nothing but what it returns: the entry's own promise. */
  getOrSet(
    scope: Scope,
    key: string,
    loader: Loader<unknown>,
    options: GetOrSetOptions | undefined,
  ): Promise<unknown> {
    const entry = this.fresh(scope, key, options?.tags ?? noTags, options?.consistency, jsonCodec)
    if (entry !== undefined) return this.#copying ? this.#copy(entry) : promiseOf(entry)
    return this.#getOrLoad(scope, key, loader, options ?? noOptions)
  }

  /** An entry that may be answered from memory without a second thought; counted as a hit. */
  fresh(
    scope: Scope,
    key: string,
    tags: readonly string[],
    consistency: ReadOptions['consistency'],
    codec: Codec<unknown>,
  ): CacheEntry | undefined {
    if (typeof key !== 'string') return undefined
    const entry = this.#local.get(scope.nameOf(key))
    if (entry === undefined) return undefined
    const turn = this.#turn
    turn.look()
    if (
      consistency === 'strong' ||
      !turn.covered ||
      turn.nowMs >= entry.refreshAtMs ||
      entry.codec !== codec ||
      !isCurrent(entry, this.#table) ||
      !(scope.isRoot ? hasTags(entry, tags) : hasTags(entry, tagNames(scope, tags)))
    ) {
      return undefined
    }
    this.counters.localHits += 1
    if (this.events.active) this.#tellHit(entry, scope.nameOf(key), 'local', false)
    return entry
  }

  /** The same with everything that is not a hit in memory. */
  async resolve(call: CacheCall): Promise<Answer> {
    if (this.#closed) throw new CacheClosedError()
    if (call.signal?.aborted === true) throw abortReason(call.signal)
    const beganMs = performance.now()
    const remembered = this.#remembered(call)
    if (remembered !== undefined) {
      const answer = this.#answerOld(call, remembered, this.#foundOf(call, remembered), 'local')
      if (answer !== undefined) return answer
    }
    const lookup = this.#lookups.begin(call)
    try {
      const found = await unlessAborted(lookup.found, call.signal)
      const { entry } = found
      if (entry !== undefined) {
        const answer = this.#answerOld(call, entry, found, found.level)
        if (answer !== undefined) return answer
      }
      return await this.#load(call, found, beganMs)
    } finally {
      lookup.leave()
    }
  }

  async get(scope: Scope, key: string, options: ReadOptions | undefined): Promise<unknown> {
    const entry = this.fresh(scope, key, noTags, options?.consistency, jsonCodec)
    if (entry !== undefined) return this.#valueOf(entry)
    checkCallOptions(options ?? noOptions)
    const found = await this.peek(scope, key, jsonCodec, options?.consistency === 'strong')
    if (found === undefined) return undefined
    return this.#copying ? parseCopy(found.entry) : found.value
  }

  /** An entry that may be answered, stale or not; nothing is loaded. */
  async peek(
    scope: Scope,
    key: string,
    codec: Codec<unknown>,
    strong = false,
  ): Promise<DecodedEntry | undefined> {
    if (this.#closed) throw new CacheClosedError()
    const name = scope.nameOf(nameOf('key', key))
    const lookup = this.#lookups.begin({ name, epochs: scope.epochs, tags: noTags, strong, codec })
    try {
      const found = await lookup.found
      const { entry, level } = found
      const nowMs = performance.now()
      if (entry === undefined || nowMs >= entry.staleUntilMs) {
        this.#miss(name, false)
        return undefined
      }
      this.#hit(entry, name, level, nowMs >= entry.freshUntilMs)
      return { entry, value: valueOfFound(entry, found) }
    } finally {
      lookup.leave()
    }
  }

  async set(
    scope: Scope,
    key: string,
    value: unknown,
    options: StoreOptions,
    codec: Codec<unknown> = jsonCodec,
  ): Promise<Pick<Invalidated, 'durability'>> {
    checkCallOptions(options)
    const name = scope.nameOf(nameOf('key', key))
    const text = encode(codec, key, value)
    if (text.length > this.#options.maxEntryBytes) {
      throw new CacheTooLargeError(key, text.length, this.#options.maxEntryBytes)
    }
    const names = [...scope.epochs, ...tagNames(scope, options.tags)]
    const records = names.map((tag) => this.#table.acquire(tag))
    // Whatever is being read or loaded for this key is older.
    this.#forgetKey(name)
    const watched = this.#watch.begin({ key: name, overtaken: false, next: undefined })
    this.counters.sets += 1
    try {
      const { freshMs, staleMs, errorMs } = lifetimesOf(
        storeTimes(options, this.#options),
        this.#options.jitter,
      )
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
      const stored = await this.#setInRedis(name, parts, codec, times, records)
      const kept = stored ?? this.#versionsHere(records)
      const { overtaken } = watched
      // Redis may have been read since.
      this.#watch.overtake(name)
      if (kept !== undefined && !overtaken) {
        this.#local.set(name, this.#entries.make({ ...parts, ...kept }, times, codec))
      }
      if (this.events.active) this.events.emit({ kind: 'set', key: name, bytes: text.length })
      return { durability: stored === undefined ? 'buffered' : 'redis' }
    } finally {
      this.#watch.end(watched)
      for (const record of records) this.#table.release(record)
    }
  }

  async delete(scope: Scope, key: string): Promise<Invalidated> {
    const name = scope.nameOf(nameOf('key', key))
    this.#forgetKey(name)
    this.counters.deletes += 1
    const result =
      this.shared === undefined
        ? alone
        : await this.shared.delete(name, !this.#options.lock, () => {
            // Redis may have been read since.
            this.#forgetKey(name)
          })
    if (this.events.active) this.events.emit({ kind: 'delete', key: name })
    return result
  }

  async invalidateTags(scope: Scope, tags: readonly string[]): Promise<Invalidated> {
    return this.#invalidate(tagNames(scope, tags))
  }

  async clear(scope: Scope): Promise<Invalidated> {
    return this.#invalidate([scope.epoch])
  }

  /**
   * Ends what is under way, and tries to get rid of what waits for Redis.
   *
   * @returns How many invalidations are lost with this process.
   */
  async close(flushWithinMs: number): Promise<number> {
    if (this.#closed) return 0
    this.#closed = true
    await this.#loads.close()
    this.#fleet?.close()
    const lost = (await this.shared?.close(flushWithinMs)) ?? 0
    this.#local.clear()
    return lost
  }

  #getOrLoad(scope: Scope, key: string, loader: Loader<unknown>, options: GetOrSetOptions): Promise<unknown> {
    const call = cacheCall(scope, key, loader, options, this.#options, jsonCodec)
    return this.resolve(call).then(this.#valueOfAnswer)
  }

  readonly #valueOfAnswer = ({ entry, value }: Answer): unknown =>
    this.#copying && entry !== undefined ? parseCopy(entry) : value

  #valueOf(entry: CacheEntry): unknown {
    return this.#copying ? parseCopy(entry) : valueOf(entry)
  }

  #copy(entry: CacheEntry): Promise<unknown> {
    return Promise.resolve(parseCopy(entry))
  }

  /** What memory has and may answer, though perhaps behind its time. */
  #remembered(call: CacheCall): CacheEntry | undefined {
    if (call.strong || !(this.shared === undefined || this.shared.trusted)) return undefined
    const entry = this.#local.get(call.name)
    if (entry?.codec !== call.codec || !isCurrent(entry, this.#table) || !hasTags(entry, call.tags))
      return undefined
    return performance.now() < entry.staleUntilMs ? entry : undefined
  }

  /** What a look would have found, without looking: all of it is known. */
  #foundOf(call: CacheCall, entry: CacheEntry): Found {
    const records = entry.records.filter(({ name }) => call.epochs.includes(name) || call.tags.includes(name))
    return {
      entry,
      decoded: undefined,
      level: 'local',
      seenId: entry.id,
      records,
      versions: records.map(({ version }) => version),
      storable: records.every(({ local }) => !local) || this.shared === undefined,
      offline: entry.records.includes(this.#outage),
    }
  }

  /**
   * Answers an entry that is not invalidated, if it is fresh or may be stale, and sees to its successor.
   *
   * @returns Undefined when the caller has to load.
   */
  #answerOld(call: CacheCall, entry: CacheEntry, found: Found, level: 'local' | 'redis'): Answer | undefined {
    const nowMs = performance.now()
    if (nowMs >= entry.staleUntilMs) return undefined
    const stale = nowMs >= entry.freshUntilMs
    if (nowMs >= entry.refreshAtMs && this.#loads.find(call, found, nowMs) === undefined) {
      if (call.foreground && stale) return undefined
      if (!call.foreground && nowMs >= entry.retryAtMs) {
        entry.retryAtMs = nowMs + refreshAgainMs
        this.#loads.begin(call, found, true)
      }
    }
    this.#hit(entry, call.name, level, stale)
    return { entry, value: valueOfFound(entry, found), how: stale ? 'stale' : 'hit' }
  }

  async #load(call: CacheCall, found: Found, beganMs: number): Promise<Answer> {
    const running = this.#loads.find(call, found, beganMs)
    const load = running ?? this.#loads.begin(call, found, false)
    const joined = running !== undefined
    const joinedLate = running?.run !== undefined
    const { changes } = this.#table
    this.#miss(call.name, joined)
    const fallback = joined ? (found.entry ?? load.fallback) : found.entry
    const outcome = await this.#waitFor(load, call, fallback)
    if (outcome === 'soft-timeout' || outcome.how === 'covered' || outcome.how === 'declined') {
      const entry = outcome === 'soft-timeout' ? fallback : outcome.entry
      // A background load that another process does in its place leaves nothing to those who joined it.
      if (entry === undefined) return this.resolve(call)
      this.counters.staleServed += 1
      return { entry, value: valueOf(entry), how: 'stale' }
    }
    if (joinedLate && outcome.late === true) return this.resolve(call)
    if (outcome.how === 'redis' && joined && changes > (outcome.changes ?? 0)) return this.resolve(call)
    if (outcome.how === 'redis') {
      this.counters.coalesced += joined ? 0 : 1
      return { entry: outcome.entry, value: outcome.value, how: 'joined' }
    }
    return { entry: outcome.entry, value: outcome.value, how: joined ? 'joined' : 'loaded' }
  }

  /** Waits for a load as long as this call wants to. */
  #waitFor(
    load: Load,
    { signal, loaderSoftTimeoutMs }: CacheCall,
    fallback: CacheEntry | undefined,
  ): Promise<Awaited<Load['promise']> | 'soft-timeout'> {
    load.waiting += 1
    const soft =
      loaderSoftTimeoutMs > 0 && fallback !== undefined && performance.now() < fallback.errorUntilMs
    if (signal === undefined && !soft) return load.promise
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        const reason = abortReason(signal)
        load.leave(reason)
        end()
        reject(reason)
      }
      const timer = soft
        ? setTimeout(() => {
            if (this.#lookups.mayServe(fallback)) {
              end()
              resolve('soft-timeout')
            }
          }, loaderSoftTimeoutMs)
        : undefined
      const end = (): void => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      load.promise.then(resolve, reject).finally(end)
    })
  }

  async #setInRedis(
    name: string,
    { id, text }: { readonly id: string; readonly text: string },
    codec: Codec<unknown>,
    times: EntryTimes,
    records: readonly TagRecord[],
  ): Promise<KeptVersions | undefined> {
    const { shared } = this
    if (shared === undefined) return undefined
    const { invalidations } = shared
    const waits =
      records.some(({ local, name: tag }) => local || invalidations.isTagPending(tag)) ||
      invalidations.isKeyPending(name)
    if (!shared.up || waits) {
      invalidations.deleteLater(name)
      return undefined
    }
    try {
      const versions = await this.#versionsOf(shared, records)
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
      return { records, versions }
    } catch (error) {
      if (this.events.active) this.events.emit({ kind: 'redis-failed', doing: 'set', error })
      invalidations.deleteLater(name)
      return undefined
    }
  }

  /** What tags have at the moment: known, or read and made by one command. */
  async #versionsOf(shared: SharedLevel, records: readonly TagRecord[]): Promise<readonly TagVersion[]> {
    const known = records.map(({ version }) => version).filter((version) => version !== undefined)
    if (shared.trusted && known.length === records.length) return known
    return shared.touch(records)
  }

  /** The versions under which a value may stay in this process alone. */
  #versionsHere(records: readonly TagRecord[]): KeptVersions | undefined {
    if (this.shared !== undefined && this.shared.up) return undefined
    const own = this.shared === undefined ? records : [...records, this.#outage]
    return { records: own, versions: own.map((record) => this.#table.makeLocal(record)) }
  }

  async #invalidate(names: readonly string[]): Promise<Invalidated> {
    if (names.length === 0) return this.shared === undefined ? alone : nothingToDo
    this.counters.invalidations += names.length
    const result =
      this.shared === undefined
        ? this.#invalidateHere(names)
        : await this.shared.invalidations.invalidate(names)
    if (this.events.active) {
      this.events.emit({ kind: 'invalidate', tags: names, delivered: result.delivered })
    }
    return result
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
  #forgetKey(name: string): void {
    this.#watch.overtake(name)
    this.#local.delete(name)
  }

  #hit(entry: CacheEntry, name: string, level: 'local' | 'redis', stale: boolean): void {
    if (level === 'local') this.counters.localHits += 1
    else this.counters.redisHits += 1
    if (stale) this.counters.staleServed += 1
    if (this.events.active) this.#tellHit(entry, name, level, stale)
  }

  #tellHit(_entry: CacheEntry, key: string, level: 'local' | 'redis', stale: boolean): void {
    this.events.emit({ kind: 'hit', key, level, stale })
  }

  #miss(name: string, coalesced: boolean): void {
    this.counters.misses += 1
    if (coalesced) this.counters.coalesced += 1
    if (this.events.active) this.events.emit({ kind: 'miss', key: name, coalesced })
  }
}

interface KeptVersions {
  readonly records: readonly TagRecord[]
  readonly versions: readonly string[]
}

const alone: Invalidated = Object.freeze({ delivered: true, durability: 'buffered' })
const nothingToDo: Invalidated = Object.freeze({ delivered: true, durability: 'redis' })

function longestMs(defaults: CallDefaults): number {
  const { ttlSeconds, staleWhileRevalidateSeconds, staleIfErrorSeconds } = defaults
  return 1000 * (ttlSeconds + Math.max(staleWhileRevalidateSeconds, staleIfErrorSeconds))
}

function encode(codec: Codec<unknown>, key: string, value: unknown): string {
  try {
    return codec.encode(value)
  } catch (cause) {
    throw new CacheValueError(key, { cause })
  }
}

function valueOfFound(entry: CacheEntry, { decoded }: Found): unknown {
  return decoded?.entry === entry ? decoded.value : valueOf(entry)
}

function parseCopy({ text }: CacheEntry): unknown {
  return text === undefined || text === '' ? undefined : (JSON.parse(text) as unknown)
}

function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason
  return reason instanceof Error ? reason : new DOMException('The call was aborted.', 'AbortError')
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(abortReason(signal))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort)
    })
  })
}
