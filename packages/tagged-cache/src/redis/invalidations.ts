import {
  isRedisRefused,
  isRedisUnavailable,
  Outbox,
  StampSource,
  type Bus,
  type Delivery,
  type OutboxLogger,
  type RedisClient,
  type RedisLink,
  type Subscription,
} from '@stayfast/redis-kit'
import { rootScope } from '../scope.js'
import type { TagRecord, TagTable } from '../tags/tag-table.js'
import { nonce } from '../tags/tag-version.js'
import type { Invalidated } from '../tagged-cache.js'
import type { CacheKeys } from './cache-keys.js'
import { deleteScript, invalidateScript, renewTagScript } from './cache-scripts.js'
import { changeText, parseChange } from './change-message.js'

/** How {@link Invalidations} work. */
export interface InvalidationsOptions {
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
  /** Another process wrote or removed a key. */
  readonly onKeyChanged: (name: string) => void
}

/** What waits for Redis: that a tag is invalidated, or that a key is removed. Nothing more need be said. */
type Operation = 'tag' | 'key'

const tagsPerCommand = 500

function waitingKey(operation: Operation, name: string): string {
  return `${operation === 'tag' ? 't' : 'k'}${name}`
}

function isAway(error: unknown): boolean {
  return isRedisUnavailable(error) || isRedisRefused(error)
}

/**
 * Invalidations, here at once, then in Redis, then in every process.
 *
 * ```
 *   local versions ──► one script: new versions, message ──► confirmed by every live process: delivered
 *                          └── Redis away or refusing ──► outbox, per tag ──► replayed ──► unknown, read again
 *                                                            └── full ──► the epoch: everything
 * ```
 *
 * A replay is one more invalidation and makes a version that nobody has seen before: late and repeated
 * ones cost a miss and never bring anything back.
 */
export class Invalidations {
  readonly #options: InvalidationsOptions
  readonly #link: RedisLink
  readonly #bus: Bus
  readonly #table: TagTable
  readonly #outbox: Outbox<Operation>
  readonly #stamps: StampSource
  readonly #subscription: Subscription
  /** Messages to ourselves that have not come back. */
  readonly #echoes = new Map<string, () => void>()
  /** Intents of a waiting key that are being replayed at the moment. */
  readonly #replaying = new Map<string, number>()

  constructor(options: InvalidationsOptions) {
    this.#options = options
    this.#link = options.link
    this.#bus = options.bus
    this.#table = options.table
    this.#stamps = new StampSource(options.link.clock)
    this.#outbox = new Outbox<Operation>({
      name: 'tagged-cache',
      link: options.link,
      // The limit is kept here: at it, everything is invalidated instead.
      limit: Number.MAX_SAFE_INTEGER,
      logger: options.flushLogger,
      replay: (client, key, intents) => this.#replay(client, key, intents.length),
      onSettled: (key) => {
        if (key.startsWith('t')) this.#table.settle(key.slice(1))
      },
    })
    this.#subscription = options.bus.on(options.topic, {
      onMessage: (payload) => {
        this.#heard(payload)
      },
      onRevalidate: () => {
        this.#table.forgetAll()
      },
    })
  }

  /** Invalidations that wait for Redis. */
  get buffered(): number {
    return this.#outbox.size
  }

  /** Whether Redis has yet to hear that this tag was invalidated: then its word on it is worth nothing. */
  isTagPending(name: string): boolean {
    return this.#outbox.size > 0 && this.#outbox.pending(waitingKey('tag', name)).length > 0
  }

  isKeyPending(name: string): boolean {
    return this.#outbox.size > 0 && this.#outbox.pending(waitingKey('key', name)).length > 0
  }

  /** @param names - In the whole cache, each once. */
  async invalidate(names: readonly string[]): Promise<Invalidated> {
    const records = names.map((name) => this.#table.acquire(name))
    // All of them before the first is sent: nothing that begins from now on is answered from before.
    for (const record of records) this.#table.invalidateHere(record)
    try {
      const parts: Promise<Invalidated>[] = []
      for (let from = 0; from < records.length; from += tagsPerCommand) {
        parts.push(this.#invalidatePart(records.slice(from, from + tagsPerCommand)))
      }
      const results = await Promise.all(parts)
      return {
        delivered: results.every(({ delivered }) => delivered),
        durability: results.every(({ durability }) => durability === 'redis') ? 'redis' : 'buffered',
      }
    } finally {
      for (const record of records) this.#table.release(record)
    }
  }

  /** @param twice - Once more when all processes know: for loads that hold no lock. */
  async delete(name: string, twice: boolean): Promise<Invalidated> {
    if (this.#link.status !== 'up' || this.isKeyPending(name)) return this.#buffer('key', [name])
    try {
      const delivery = await this.#sendDelete(name)
      if (twice) await this.#sendDelete(name)
      return { delivered: delivery.delivered, durability: 'redis' }
    } catch {
      return this.#buffer('key', [name])
    }
  }

  /** Redis could not be given a new value: it must not answer the old one when it is back. */
  deleteLater(name: string): void {
    this.#buffer('key', [name])
  }

  /** What a script publishes with a value that was set. */
  announcement(name: string): { readonly channel: string; readonly message: string } {
    return this.#bus.announcement(this.#options.topic, changeText({ from: this.#bus.id, keys: [name] }))
  }

  /**
   * Resolves when everything that was published before has been heard.
   *
   * @throws What the link throws.
   * @returns False when the message does not come back.
   */
  async caughtUp(withinMs: number): Promise<boolean> {
    const id = nonce()
    const text = changeText({ version: id, from: this.#bus.id })
    return new Promise<boolean>((resolve, reject) => {
      const settle = (heard: boolean): void => {
        clearTimeout(timer)
        this.#echoes.delete(id)
        resolve(heard)
      }
      const timer = setTimeout(settle, withinMs, false)
      this.#echoes.set(id, () => {
        settle(true)
      })
      const fail = (error: unknown): void => {
        settle(false)
        reject(error instanceof Error ? error : new Error(String(error)))
      }
      if (this.#link.traits.cluster) {
        // By the node that publishes everything else, else it could come before what was said earlier.
        this.#bus.publish(this.#options.topic, text).catch(fail)
        return
      }
      const { channel, message } = this.#bus.announcement(this.#options.topic, text)
      this.#link.run((client) => client.publish(channel, message)).catch(fail)
    })
  }

  /** The server may have lost what it acknowledged: it is told again. */
  repair(): void {
    this.#outbox.repair()
    this.#table.forgetAll()
  }

  /** @returns How many invalidations are lost with this process. */
  async close(flushWithinMs: number): Promise<number> {
    const lost = await this.#outbox.flush(this.#link.status === 'up' ? flushWithinMs : 0)
    this.#outbox.close()
    this.#subscription.close()
    return lost
  }

  async #invalidatePart(records: readonly TagRecord[]): Promise<Invalidated> {
    const names = records.map(({ name }) => name)
    if (this.#link.status !== 'up' || names.some((name) => this.isTagPending(name))) {
      return this.#buffer('tag', names)
    }
    const sentNonce = nonce()
    for (const record of records) this.#table.sent(record, sentNonce)
    const progress = { written: false }
    try {
      const { delivered } = await this.#send(names, sentNonce, (version) => {
        progress.written = true
        for (const record of records) this.#table.answered(record, version)
        for (const name of names) {
          this.#outbox.acknowledged(waitingKey('tag', name), { operation: 'tag', stamp: this.#stamps.next() })
        }
      })
      return { delivered, durability: 'redis' }
    } catch (error) {
      if (!progress.written) for (const record of records) this.#table.failed(record)
      const result = this.#buffer('tag', names)
      if (isAway(error)) return result
      throw error
    }
  }

  async #send(
    names: readonly string[],
    sentNonce: string,
    onWritten: (version: string | undefined) => void,
  ): Promise<Delivery> {
    const { topic, keys, tagTtlMs } = this.#options
    const text = changeText({ version: sentNonce, tags: names })
    if (this.#link.traits.cluster) {
      await Promise.all(
        names.map((name) =>
          this.#link.run((client) => renewTagScript.run(client, [keys.tag(name)], [sentNonce, tagTtlMs])),
        ),
      )
      onWritten(undefined)
      return this.#bus.publish(topic, text)
    }
    const envelope = this.#bus.envelope(topic, text)
    const { version, bus } = await this.#link.run((client) =>
      invalidateScript.run(
        client,
        [envelope.membersKey, ...names.map((name) => keys.tag(name))],
        [sentNonce, tagTtlMs, envelope.channel, envelope.message],
      ),
    )
    onWritten(version)
    // What is repeated carries the nonce alone: it may come behind a newer invalidation.
    return this.#bus.delivery(envelope, bus)
  }

  async #sendDelete(name: string): Promise<Delivery> {
    const { topic, keys } = this.#options
    const entry = keys.entry(name)
    const text = changeText({ from: this.#bus.id, keys: [name] })
    if (this.#link.traits.cluster) {
      await this.#link.run((client) => client.del(entry, keys.lock(entry)))
      return this.#bus.publish(topic, text)
    }
    const envelope = this.#bus.envelope(topic, text)
    const reply = await this.#link.run((client) =>
      deleteScript.run(
        client,
        [envelope.membersKey, entry, keys.lock(entry)],
        [envelope.channel, envelope.message],
      ),
    )
    return this.#bus.delivery(envelope, reply)
  }

  #buffer(operation: Operation, names: readonly string[]): Invalidated {
    for (const name of names) this.#wait(operation, name)
    return { delivered: false, durability: 'buffered' }
  }

  #wait(operation: Operation, name: string): void {
    const key = waitingKey(operation, name)
    // One that is not under way yet stands for this one as well.
    if (this.#outbox.pending(key).length > (this.#replaying.get(key) ?? 0)) return
    const epoch = rootScope.epoch
    if (this.#outbox.size >= this.#options.maxBuffered && !(operation === 'tag' && name === epoch)) {
      const record = this.#table.acquire(epoch)
      this.#table.invalidateHere(record)
      this.#table.release(record)
      this.#wait('tag', epoch)
      return
    }
    this.#outbox.add(key, { operation, stamp: this.#stamps.next() })
  }

  async #replay(client: RedisClient, key: string, count: number): Promise<void> {
    const { keys, tagTtlMs, topic } = this.#options
    const name = key.slice(1)
    this.#replaying.set(key, count)
    try {
      if (key.startsWith('k')) {
        const entry = keys.entry(name)
        await client.del(entry, keys.lock(entry))
        const { channel, message } = this.announcement(name)
        await client.publish(channel, message)
        return
      }
      const sentNonce = nonce()
      const { membersKey, channel, message } = this.#bus.envelope(
        topic,
        changeText({ version: sentNonce, tags: [name] }),
      )
      if (this.#link.traits.cluster) {
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

  #heard(payload: string): void {
    const change = parseChange(payload)
    if (change === undefined) return
    for (const name of change.tags) this.#table.heard(name, change.version)
    if (change.from === this.#bus.id) {
      this.#echoes.get(change.version)?.()
      return
    }
    for (const name of change.keys) this.#options.onKeyChanged(name)
  }
}
