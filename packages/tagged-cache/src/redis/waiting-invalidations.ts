import {
  Outbox,
  StampSource,
  type Bus,
  type OutboxLogger,
  type RedisClient,
  type RedisLink,
} from '@stayfast/redis-kit'
import { rootScope } from '../scope.js'
import type { Invalidated } from '../tagged-cache.js'
import type { TagTable } from '../tags/tag-table.js'
import { nonce } from '../tags/tag-version.js'
import type { CacheKeys } from './cache-keys.js'
import { invalidateScript, renewTagScript } from './cache-scripts.js'
import { changeText } from './change-message.js'

/** How {@link WaitingInvalidations} are kept. */
export interface WaitingInvalidationsOptions {
  readonly link: RedisLink
  readonly bus: Bus
  readonly keys: CacheKeys
  readonly table: TagTable
  /** What this cache is called on the bus. */
  readonly topic: string
  readonly tagTtlMs: number
  /** Invalidations that may wait for Redis; with more of them everything becomes a miss. */
  readonly maxBuffered: number
  readonly flushLogger: OutboxLogger
}

/** What waits for Redis: that a tag is invalidated, or that a key is removed. Nothing more need be said. */
export type Operation = 'tag' | 'key'

function waitingKey(operation: Operation, name: string): string {
  return `${operation === 'tag' ? 't' : 'k'}${name}`
}

/**
 * Invalidations that Redis has yet to hear of. What waits here counts as unknown: Redis is not asked about it.
 *
 * A replay is one more invalidation and makes a version that nobody has seen before: late and repeated
 * ones cost a miss and never bring anything back.
 */
export class WaitingInvalidations {
  readonly #options: WaitingInvalidationsOptions
  readonly #outbox: Outbox<Operation>
  readonly #stamps: StampSource
  /** Intents of a waiting key that are being replayed at the moment. */
  readonly #replaying = new Map<string, number>()

  constructor(options: WaitingInvalidationsOptions) {
    this.#options = options
    this.#stamps = new StampSource(options.link.clock)
    this.#outbox = new Outbox<Operation>({
      name: 'tagged-cache',
      link: options.link,
      // The limit is kept here: at it, everything is invalidated instead.
      limit: Number.MAX_SAFE_INTEGER,
      logger: options.flushLogger,
      replay: (client, key, intents) => this.#replay(client, key, intents.length),
      onSettled: (key) => {
        if (key.startsWith('t')) options.table.settle(key.slice(1))
      },
    })
  }

  get size(): number {
    return this.#outbox.size
  }

  /** Whether Redis has yet to hear that this tag was invalidated: then its word on it is worth nothing. */
  isTagPending(name: string): boolean {
    return this.#outbox.size > 0 && this.#outbox.pending(waitingKey('tag', name)).length > 0
  }

  isKeyPending(name: string): boolean {
    return this.#outbox.size > 0 && this.#outbox.pending(waitingKey('key', name)).length > 0
  }

  /** They are done when Redis is back. */
  add(operation: Operation, names: readonly string[]): Invalidated {
    for (const name of names) this.#wait(operation, name)
    return { delivered: false, durability: 'buffered' }
  }

  /** Redis has heard of it, and is told again when it may have lost it. */
  acknowledged(tag: string): void {
    this.#outbox.acknowledged(waitingKey('tag', tag), { operation: 'tag', stamp: this.#stamps.next() })
  }

  /** The server may have lost what it acknowledged: it is told again. */
  repair(): void {
    this.#outbox.repair()
  }

  /** @returns How many are lost with this process. */
  async close(flushWithinMs: number): Promise<number> {
    const { link } = this.#options
    const lost = await this.#outbox.flush(link.status === 'up' ? flushWithinMs : 0)
    this.#outbox.close()
    return lost
  }

  #wait(operation: Operation, name: string): void {
    const key = waitingKey(operation, name)
    if (this.#isStoodFor(key)) return
    const isEverything = operation === 'tag' && name === rootScope.epoch
    if (this.#outbox.size >= this.#options.maxBuffered && !isEverything) this.#waitForEverything()
    else this.#outbox.add(key, { operation, stamp: this.#stamps.next() })
  }

  /** Everything becomes a miss, here at once, which is once enough, and elsewhere when Redis is back. */
  #waitForEverything(): void {
    const { epoch } = rootScope
    if (this.#isStoodFor(waitingKey('tag', epoch))) return
    const { table } = this.#options
    const record = table.acquire(epoch)
    table.invalidateHere(record)
    table.release(record)
    this.#wait('tag', epoch)
  }

  /** One that is not under way yet stands for all that come behind it. */
  #isStoodFor(key: string): boolean {
    return this.#outbox.pending(key).length > (this.#replaying.get(key) ?? 0)
  }

  async #replay(client: RedisClient, key: string, count: number): Promise<void> {
    const { link, bus, keys, tagTtlMs, topic } = this.#options
    const name = key.slice(1)
    this.#replaying.set(key, count)
    try {
      if (key.startsWith('k')) {
        const entry = keys.entry(name)
        await client.del(entry, keys.lock(entry))
        const { channel, message } = bus.announcement(topic, changeText({ from: bus.id, keys: [name] }))
        await client.publish(channel, message)
        return
      }
      const sentNonce = nonce()
      const { membersKey, channel, message } = bus.envelope(
        topic,
        changeText({ version: sentNonce, tags: [name] }),
      )
      if (link.traits.cluster) {
        await renewTagScript.run(client, [keys.tag(name)], [sentNonce, tagTtlMs])
        await client.publish(channel, message)
      } else {
        await invalidateScript.run(
          client,
          [membersKey, keys.tag(name)],
          [sentNonce, tagTtlMs, channel, message],
        )
      }
    } finally {
      this.#replaying.delete(key)
    }
  }
}
