import { performance } from 'node:perf_hooks'
import { abortReason, unlessAborted } from './aborting.js'
import { cacheCall, checkCallOptions, tagNames, type CacheCall, type CallDefaults } from './cache-call.js'
import { copyOf, hasTags, isCurrent, promiseOf, valueOf, type CacheEntry } from './cache-entry.js'
import type { CacheEvents } from './cache-events.js'
import type { Counters } from './cache-stats.js'
import { jsonCodec, type Codec } from './codec.js'
import type { DecodedEntry } from './entry-factory.js'
import { CacheClosedError } from './errors.js'
import type { LocalLevel } from './levels/local-level.js'
import type { Loads } from './loading/loads.js'
import { waitForLoad } from './loading/wait-for-load.js'
import type { Found } from './lookup/lookup.js'
import type { Lookups } from './lookup/lookups.js'
import type { SharedLevel } from './redis/shared-level.js'
import { nameOf, type Scope } from './scope.js'
import type { GetOrSetOptions, Loader, ReadOptions } from './tagged-cache.js'
import type { TagRecord, TagTable } from './tags/tag-table.js'
import { TurnClock } from './turn-clock.js'

/** What a call got, and how. */
export interface Answer {
  /** Undefined where the value was not stored. */
  readonly entry: CacheEntry | undefined
  readonly value: unknown
  /** `'joined'`: somebody else loaded it. */
  readonly how: 'hit' | 'stale' | 'loaded' | 'joined'
}

/** What {@link Reads} work with. */
export interface ReadsParts {
  readonly table: TagTable
  readonly local: LocalLevel
  readonly shared: SharedLevel | undefined
  readonly lookups: Lookups
  readonly loads: Loads
  readonly events: CacheEvents
  readonly counters: Counters
  /** What is loaded in an outage has it. */
  readonly outage: TagRecord
}

/** How {@link Reads} work. */
export interface ReadsOptions extends CallDefaults {
  readonly returns: 'frozen' | 'copy'
}

/** A refresh beside the answer that failed is not tried again for so long. */
const refreshAgainMs = 1000
const noTags: readonly string[] = []
const noOptions = Object.freeze({})

/** Answers from memory, from Redis, from a load. */
export class Reads {
  readonly #options: ReadsOptions
  readonly #table: TagTable
  readonly #local: LocalLevel
  readonly #shared: SharedLevel | undefined
  readonly #lookups: Lookups
  readonly #loads: Loads
  readonly #events: CacheEvents
  readonly #counters: Counters
  readonly #outage: TagRecord
  readonly #turn: TurnClock
  readonly #copying: boolean
  #closed = false

  constructor(options: ReadsOptions, parts: ReadsParts) {
    const { shared } = parts
    this.#options = options
    this.#table = parts.table
    this.#local = parts.local
    this.#shared = shared
    this.#lookups = parts.lookups
    this.#loads = parts.loads
    this.#events = parts.events
    this.#counters = parts.counters
    this.#outage = parts.outage
    this.#turn = new TurnClock(shared === undefined ? () => true : () => shared.trusted)
    this.#copying = options.returns === 'copy'
  }

  /** From now on who asks is refused. */
  close(): void {
    this.#closed = true
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
    this.#counters.localHits += 1
    if (this.#events.active) this.#tellHit(scope.nameOf(key), 'local', false)
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
    return this.#copying ? copyOf(found.entry) : found.value
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
      this.#hit(name, level, nowMs >= entry.freshUntilMs)
      return { entry, value: valueOfFound(entry, found) }
    } finally {
      lookup.leave()
    }
  }

  #getOrLoad(scope: Scope, key: string, loader: Loader<unknown>, options: GetOrSetOptions): Promise<unknown> {
    const call = cacheCall(scope, key, loader, options, this.#options, jsonCodec)
    return this.resolve(call).then(this.#valueOfAnswer)
  }

  readonly #valueOfAnswer = ({ entry, value }: Answer): unknown => {
    if (!this.#copying) return value
    return entry === undefined ? structuredClone(value) : copyOf(entry)
  }

  #valueOf(entry: CacheEntry): unknown {
    return this.#copying ? copyOf(entry) : valueOf(entry)
  }

  #copy(entry: CacheEntry): Promise<unknown> {
    return Promise.resolve(copyOf(entry))
  }

  /** What memory has and may answer, though perhaps behind its time. */
  #remembered(call: CacheCall): CacheEntry | undefined {
    if (call.strong || !(this.#shared === undefined || this.#shared.trusted)) return undefined
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
      storable: records.every(({ local }) => !local) || this.#shared === undefined,
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
    this.#hit(call.name, level, stale)
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
    const outcome = await waitForLoad(load, call, fallback, this.#lookups)
    if (outcome === 'soft-timeout' || outcome.how === 'covered' || outcome.how === 'declined') {
      const entry = outcome === 'soft-timeout' ? fallback : outcome.entry
      // A background load that another process does in its place leaves nothing to those who joined it.
      if (entry === undefined) return this.resolve(call)
      this.#counters.staleServed += 1
      return { entry, value: valueOf(entry), how: 'stale' }
    }
    if (joinedLate && outcome.late === true) return this.resolve(call)
    if (outcome.how === 'redis' && joined && changes > (outcome.changes ?? 0)) return this.resolve(call)
    if (outcome.how === 'redis') {
      this.#counters.coalesced += joined ? 0 : 1
      return { entry: outcome.entry, value: outcome.value, how: 'joined' }
    }
    return { entry: outcome.entry, value: outcome.value, how: joined ? 'joined' : 'loaded' }
  }

  #hit(name: string, level: 'local' | 'redis', stale: boolean): void {
    if (level === 'local') this.#counters.localHits += 1
    else this.#counters.redisHits += 1
    if (stale) this.#counters.staleServed += 1
    if (this.#events.active) this.#tellHit(name, level, stale)
  }

  #tellHit(key: string, level: 'local' | 'redis', stale: boolean): void {
    this.#events.emit({ kind: 'hit', key, level, stale })
  }

  #miss(name: string, coalesced: boolean): void {
    this.#counters.misses += 1
    if (coalesced) this.#counters.coalesced += 1
    if (this.#events.active) this.#events.emit({ kind: 'miss', key: name, coalesced })
  }
}

function valueOfFound(entry: CacheEntry, { decoded }: Found): unknown {
  return decoded?.entry === entry ? decoded.value : valueOf(entry)
}
