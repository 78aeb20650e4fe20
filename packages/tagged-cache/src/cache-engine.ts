import type { OutboxLogger, RedisLink } from '@stayfast/redis-kit'
import { storeTimes, usableMsOf, type CallDefaults } from './cache-call.js'
import { CacheEvents } from './cache-events.js'
import {
  statsOf,
  zeroCounters,
  type CacheStats,
  type Counters,
  type Sizes,
  type StoredSize,
} from './cache-stats.js'
import { EntryFactory } from './entry-factory.js'
import { KeyWatch } from './key-watch.js'
import { LocalLevel } from './levels/local-level.js'
import { Loads, type LoadsOptions } from './loading/loads.js'
import { Lookups } from './lookup/lookups.js'
import { Reads } from './reads.js'
import { Fleet, type FleetReport, type ProcessReport } from './redis/fleet.js'
import { SharedLevel } from './redis/shared-level.js'
import { StoredSizeReader } from './redis/stored-size.js'
import { TagTable, type TagRecord } from './tags/tag-table.js'
import { localVersion } from './tags/tag-version.js'
import { Writes } from './writes.js'

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
  /** See {@link TagTableOptions}. */
  readonly recheckTagsMs?: number | undefined
  readonly logger: OutboxLogger
}

/** Tags that no entry in memory has, remembered because knowing them saves a read. */
const idleTags = 10_000

/** The cache itself: memory, Redis, tags and loads. Free of Fastify, and of what a tenant is. */
export class CacheEngine {
  readonly events: CacheEvents = new CacheEvents()
  readonly counters: Counters = zeroCounters()
  readonly shared: SharedLevel | undefined
  readonly reads: Reads
  readonly writes: Writes
  readonly #table: TagTable
  readonly #local: LocalLevel
  readonly #loads: Loads
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
    askedMs: 0,
  }
  #closed = false

  constructor(options: CacheEngineOptions) {
    const { link } = options
    this.#table = new TagTable({
      maxIdle: idleTags,
      alwaysLocal: link === undefined,
      recheckMs: options.recheckTagsMs,
    })
    this.#local = new LocalLevel({
      table: this.#table,
      maxEntries: options.maxLocalEntries,
      maxBytes: options.maxLocalBytes,
      onEvicted: (key) => {
        this.counters.evictions += 1
        if (this.events.active) this.events.emit({ kind: 'evict', key })
      },
    })
    const shared = link === undefined ? undefined : this.#openShared(link, options)
    this.shared = shared
    if (shared !== undefined) {
      const report = (): ProcessReport => ({ counters: this.counters, sizes: this.sizes })
      this.#fleet = new Fleet(shared.link, shared.bus, `cache-stats:${options.keyPrefix}`, report)
      this.#storedSize = new StoredSizeReader(shared.link, shared.keys)
    }
    const parts = {
      table: this.#table,
      local: this.#local,
      shared,
      watch: new KeyWatch(),
      entries: new EntryFactory({
        earlyRefresh: options.earlyRefresh,
        keepText: options.returns === 'copy',
      }),
      events: this.events,
      counters: this.counters,
      outage: this.#outage,
    }
    const lookups = new Lookups({ ...parts, outageStaleMs: options.outageStaleSeconds * 1000 })
    this.#loads = new Loads(options, { ...parts, lookups })
    this.reads = new Reads(options, { ...parts, lookups, loads: this.#loads })
    this.writes = new Writes(options, parts)
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
      buffered: this.shared?.invalidations.waiting.size ?? 0,
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

  /**
   * Ends what is under way, and tries to get rid of what waits for Redis.
   *
   * @returns How many invalidations are lost with this process.
   */
  async close(flushWithinMs: number): Promise<number> {
    if (this.#closed) return 0
    this.#closed = true
    this.reads.close()
    this.writes.close()
    await this.#loads.close()
    this.#fleet?.close()
    const lost = (await this.shared?.close(flushWithinMs)) ?? 0
    this.#local.clear()
    return lost
  }

  #openShared(link: RedisLink, options: CacheEngineOptions): SharedLevel {
    return new SharedLevel({
      link,
      table: this.#table,
      keyPrefix: options.keyPrefix,
      usableMs: usableMsOf(storeTimes({}, options), 1000 * options.negativeTtlSeconds),
      lockTtlMs: options.lockTtlMs,
      maxBuffered: options.maxBufferedInvalidations,
      leaseMs: options.leaseMs,
      confirm: options.confirm,
      logger: options.logger,
      onKeyChanged: (name) => {
        this.writes.forgetKey(name)
      },
      onNotStored: (error) => {
        if (this.events.active) this.events.emit({ kind: 'redis-failed', doing: 'store', error })
      },
      onReturned: () => {
        this.#outage.version = localVersion()
      },
    })
  }
}
