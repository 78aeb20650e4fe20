import {
  Bus,
  TurnBatch,
  type OutboxLogger,
  type RedisClient,
  type RedisLink,
  type Share,
} from '@stayfast/redis-kit'
import { performance } from 'node:perf_hooks'
import type { Invalidated } from '../tagged-cache.js'
import type { TagRecord, TagTable } from '../tags/tag-table.js'
import { nonce, type TagVersion } from '../tags/tag-version.js'
import { CacheKeys } from './cache-keys.js'
import { setScript, touchScript } from './cache-scripts.js'
import { Invalidations } from './invalidations.js'
import { Locks } from './locks.js'

/** How a {@link SharedLevel} works. */
export interface SharedLevelOptions {
  readonly link: RedisLink
  readonly table: TagTable
  readonly keyPrefix: string
  /** The longest that a value may be used where its call says nothing. */
  readonly usableMs: number
  readonly lockTtlMs: number
  readonly maxBuffered: number
  readonly leaseMs?: number | undefined
  readonly confirm?: boolean | undefined
  readonly logger: OutboxLogger
  /** Another process wrote or removed a key. */
  readonly onKeyChanged: (name: string) => void
  /** Redis did not take what was loaded. */
  readonly onNotStored: (error: unknown) => void
  /** Redis is back: what was made up without it counts no more. */
  readonly onReturned: () => void
}

/** Tags live at least twice as long as what has them: one that is gone is a miss for all it was on. */
const tagTtlFactor = 2
const leastTagTtlMs = 86_400_000
/** That Redis is away is noticed so late at most, where the lease is not shorter. */
const noticedWithinMs = 2000
/** While Redis answers one command, this process makes the next, or values of the one before. */
const keysPerCommand = 32
/** Where each command has its price: a reply of at most some MB, which does not keep the server from others for long. */
const keysPerBilledCommand = 500

/** The Redis side of the cache: entries, locks, tags, and the bus that keeps the processes coherent. */
export class SharedLevel {
  readonly link: RedisLink
  readonly bus: Bus
  readonly keys: CacheKeys
  readonly invalidations: Invalidations
  readonly locks: Locks
  readonly #options: SharedLevelOptions
  readonly #reads: TurnBatch<string, string | null>
  readonly #stop: (() => void)[] = []
  readonly #tagTtlMs: number
  #awaySinceMs: number | undefined
  #refusingSinceMs: number | undefined

  constructor(options: SharedLevelOptions) {
    const { link, table, keyPrefix, leaseMs, confirm } = options
    this.#options = options
    this.#tagTtlMs = tagTtlMs(options.usableMs)
    this.link = link
    this.keys = new CacheKeys(link, keyPrefix)
    this.locks = new Locks({
      link,
      keys: this.keys,
      lockTtlMs: options.lockTtlMs,
      onNotStored: options.onNotStored,
    })
    this.#reads = new TurnBatch({
      send: (keys) => this.#read(keys),
      maxWeight: link.traits.cluster
        ? 0
        : link.traits.billedByCommand
          ? keysPerBilledCommand
          : keysPerCommand,
    })
    if (link.status !== 'up') this.#awaySinceMs = performance.now()
    this.#stop.push(
      link.onChange(({ status }, previous) => {
        if (status === 'up') this.#returned()
        else if (previous.status === 'up') this.#awaySinceMs = performance.now()
      }),
    )
    this.bus = new Bus({
      link,
      ...(leaseMs === undefined ? {} : { leaseMs }),
      ...(confirm === undefined ? {} : { confirm }),
    })
    this.invalidations = new Invalidations({
      link,
      bus: this.bus,
      keys: this.keys,
      table,
      topic: `cache:${keyPrefix}`,
      tagTtlMs: this.#tagTtlMs,
      maxBuffered: options.maxBuffered,
      flushLogger: options.logger,
      onKeyChanged: options.onKeyChanged,
    })
    this.#stop.push(
      link.onRenewed(() => {
        this.invalidations.repair()
      }),
    )
  }

  /** Whether Redis takes commands. */
  get up(): boolean {
    return this.link.status === 'up'
  }

  /** Whether this process may answer from memory without asking. */
  get trusted(): boolean {
    return this.bus.covered
  }

  /** The time of Redis in ms. */
  nowMs(): number {
    return Math.round(this.link.clock.nowUs() / 1000)
  }

  /**
   * Since when this process may have missed what others say, in ms of its monotonic clock: the loss may
   * have been noticed late.
   */
  cutOffSinceMs(): number {
    const sinceMs = this.#awaySinceMs ?? this.#refusingSinceMs ?? performance.now()
    return sinceMs - Math.min(this.bus.leaseMs, noticedWithinMs)
  }

  /** The values of keys, as of one moment between the call and its answer. Rejects with what the link throws. */
  read(keys: readonly string[]): Share<string | null> {
    return this.#reads.add(keys, keys.length)
  }

  /** How long the tags of a value live that may be used for so long. */
  tagTtlMs(usableMs: number): number {
    return Math.max(this.#tagTtlMs, tagTtlMs(usableMs))
  }

  /** Whether Redis has to be asked for a tag before a value is stored under it that may be used for so long. */
  mustTouch(record: TagRecord, usableMs: number): boolean {
    return usableMs > this.#options.usableMs || this.#options.table.isDoubtful(record, performance.now())
  }

  /** The versions of tags, made where they are missing; the table is told of them. */
  async touch(records: readonly TagRecord[], usableMs: number): Promise<readonly TagVersion[]> {
    const { table } = this.#options
    const nowMs = performance.now()
    const ttlMs = this.tagTtlMs(usableMs)
    const asked = records.map((record) => table.ask(record, nowMs))
    const keys = records.map(({ name }) => this.keys.tag(name))
    const touch = (some: readonly string[]): Promise<readonly TagVersion[]> =>
      this.#run((client) => touchScript.run(client, some, [nonce(), ttlMs]))
    const versions = this.link.traits.cluster
      ? (await Promise.all(keys.map((key) => touch([key])))).flat()
      : await touch(keys)
    for (const [index, record] of records.entries()) {
      const at = asked[index]
      if (at !== undefined) table.accept(record, versions[index], at)
    }
    return versions
  }

  /**
   * Stores a value that was given, and tells the others. Its text has the versions that its tags had
   * before: when the command comes late, behind an invalidation, what it stores is dead.
   */
  set(name: string, text: string, ttlMs: number): Promise<boolean> {
    const entry = this.keys.entry(name)
    const { channel, message } = this.invalidations.announcement(name)
    this.locks.flush()
    return this.#run((client) =>
      setScript.run(client, [entry, this.keys.lock(entry)], [text, ttlMs, channel, message]),
    )
  }

  /** See {@link Invalidations.delete}. */
  delete(name: string, twice: boolean, onWritten: () => void): Promise<Invalidated> {
    this.locks.flush()
    return this.invalidations.delete(name, twice, onWritten)
  }

  /** @returns How many invalidations are lost with this process. */
  async close(flushWithinMs: number): Promise<number> {
    for (const stop of this.#stop) stop()
    const lost = await this.invalidations.close(flushWithinMs)
    await this.bus.close()
    return lost
  }

  /**
   * On a Cluster each key goes alone: a command takes keys of one slot, and a shard that is down must not
   * take the others along.
   */
  async #read(keys: readonly string[]): Promise<readonly (string | null)[]> {
    try {
      const replies = this.link.traits.cluster
        ? await Promise.all(keys.map((key) => this.#run((client) => client.get(key))))
        : await this.#run((client) => client.mget(...keys))
      this.#refusingSinceMs = undefined
      return replies
    } catch (error) {
      this.#refusingSinceMs ??= performance.now()
      throw error
    }
  }

  #run<T>(work: (client: RedisClient) => Promise<T>): Promise<T> {
    return this.link.run(work)
  }

  #returned(): void {
    this.#awaySinceMs = undefined
    this.#refusingSinceMs = undefined
    this.#options.table.forgetLocal()
    this.#options.onReturned()
  }
}

function tagTtlMs(usableMs: number): number {
  return Math.ceil(Math.max(leastTagTtlMs, tagTtlFactor * usableMs))
}
