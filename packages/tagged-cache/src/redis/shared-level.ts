import { Bus, type OutboxLogger, type RedisClient, type RedisLink } from '@stayfast/redis-kit'
import { performance } from 'node:perf_hooks'
import type { TagRecord, TagTable } from '../tags/tag-table.js'
import { nonce, type TagVersion } from '../tags/tag-version.js'
import { BatchedReads } from './batched-reads.js'
import { CacheKeys } from './cache-keys.js'
import {
  commitScript,
  holdLockScript,
  lockScript,
  setScript,
  touchScript,
  type LockReply,
} from './cache-scripts.js'
import { entryText } from './entry-text.js'
import { Invalidations } from './invalidations.js'

/** How a {@link SharedLevel} works. */
export interface SharedLevelOptions {
  readonly link: RedisLink
  readonly table: TagTable
  readonly keyPrefix: string
  readonly tagTtlMs: number
  readonly lockTtlMs: number
  readonly maxBuffered: number
  readonly leaseMs?: number | undefined
  readonly confirm?: boolean | undefined
  readonly logger: OutboxLogger
  /** Another process wrote or removed a key. */
  readonly onKeyChanged: (name: string) => void
  /** Redis is back: what was made up without it counts no more. */
  readonly onReturned: () => void
}

/** That Redis is away is noticed so late at most, where the lease is not shorter. */
const noticedWithinMs = 2000

/** The Redis side of the cache: entries, locks, tags, and the bus that keeps the processes coherent. */
export class SharedLevel {
  readonly link: RedisLink
  readonly bus: Bus
  readonly keys: CacheKeys
  readonly invalidations: Invalidations
  readonly #options: SharedLevelOptions
  readonly #reads: BatchedReads
  readonly #stop: (() => void)[] = []
  #awaySinceMs: number | undefined
  #refusingSinceMs: number | undefined

  constructor(options: SharedLevelOptions) {
    const { link, table, keyPrefix, leaseMs, confirm } = options
    this.#options = options
    this.link = link
    this.#reads = new BatchedReads(link)
    this.keys = new CacheKeys(link, keyPrefix)
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
      tagTtlMs: options.tagTtlMs,
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

  /** @throws What the link throws. */
  async read(keys: readonly string[]): Promise<readonly (string | null)[]> {
    try {
      const replies = await this.#reads.read(keys)
      this.#refusingSinceMs = undefined
      return replies
    } catch (error) {
      this.#refusingSinceMs ??= performance.now()
      throw error
    }
  }

  /** The versions of tags, made where they are missing. */
  async touch(records: readonly TagRecord[]): Promise<readonly TagVersion[]> {
    const keys = records.map(({ name }) => this.keys.tag(name))
    const args = [nonce(), this.#options.tagTtlMs]
    if (!this.link.traits.cluster) return this.#run((client) => touchScript.run(client, keys, args))
    const versions = await Promise.all(
      keys.map((key) => this.#run((client) => touchScript.run(client, [key], args))),
    )
    return versions.flat()
  }

  /** @param versions - On a Cluster: what the tags have, as read before. */
  lock(
    name: string,
    seenId: string,
    token: string,
    records: readonly TagRecord[],
    versions: readonly TagVersion[],
  ): Promise<LockReply> {
    const entry = this.keys.entry(name)
    const { cluster } = this.link.traits
    const tags = cluster ? [] : records.map((record) => this.keys.tag(record.name))
    return this.#run((client) =>
      lockScript.run(
        client,
        [entry, this.keys.lock(entry), ...tags],
        [
          seenId,
          token,
          this.#options.lockTtlMs,
          nonce(),
          this.#options.tagTtlMs,
          ...(cluster ? [versions.join(' ')] : []),
        ],
      ),
    )
  }

  /** @param forMs - 0 gives the lock back. */
  holdLock(name: string, token: string, forMs: number): Promise<boolean> {
    const lock = this.keys.lock(this.keys.entry(name))
    return this.#run((client) => holdLockScript.run(client, [lock], [token, forMs]))
  }

  /**
   * Stores what was loaded.
   *
   * @param token - Of the lock; without one it is stored whoever else loads.
   * @returns False when the lock was lost.
   */
  async commit(name: string, token: string | undefined, text: string, ttlMs: number): Promise<boolean> {
    const entry = this.keys.entry(name)
    if (token === undefined) {
      await this.#run((client) => client.call('SET', entry, text, 'PX', ttlMs))
      return true
    }
    return this.#run((client) =>
      commitScript.run(client, [entry, this.keys.lock(entry)], [token, text, ttlMs]),
    )
  }

  /** Stores a value that was given, and tells the others. Resolves with the versions of its tags. */
  async set(
    name: string,
    id: string,
    tail: string,
    ttlMs: number,
    records: readonly TagRecord[],
  ): Promise<readonly TagVersion[]> {
    const entry = this.keys.entry(name)
    const { channel, message } = this.invalidations.announcement(name)
    if (!this.link.traits.cluster) {
      const tags = records.map((record) => this.keys.tag(record.name))
      return this.#run((client) =>
        setScript.run(
          client,
          [entry, this.keys.lock(entry), ...tags],
          [id, tail, ttlMs, nonce(), this.#options.tagTtlMs, channel, message],
        ),
      )
    }
    const versions = await this.touch(records)
    await this.#run((client) =>
      setScript.run(
        client,
        [entry, this.keys.lock(entry)],
        [id, tail, ttlMs, '', this.#options.tagTtlMs, channel, message, versions.join(' ')],
      ),
    )
    return versions
  }

  /** The whole text of an entry. */
  text(id: string, versions: readonly TagVersion[], tail: string): string {
    return entryText(id, versions, tail)
  }

  /** @returns How many invalidations are lost with this process. */
  async close(flushWithinMs: number): Promise<number> {
    for (const stop of this.#stop) stop()
    const lost = await this.invalidations.close(flushWithinMs)
    await this.bus.close()
    return lost
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
