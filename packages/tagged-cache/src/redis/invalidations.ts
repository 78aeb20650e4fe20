import {
  isRedisRefused,
  isRedisUnavailable,
  type Bus,
  type Delivery,
  type RedisLink,
  type Subscription,
} from '@stayfast/redis-kit'
import type { TagRecord, TagTable } from '../tags/tag-table.js'
import { nonce } from '../tags/tag-version.js'
import type { Invalidated } from '../tagged-cache.js'
import { deleteScript, invalidateScript, renewTagScript } from './cache-scripts.js'
import { changeText, parseChange } from './change-message.js'
import { WaitingInvalidations, type WaitingInvalidationsOptions } from './waiting-invalidations.js'

/** How {@link Invalidations} work. */
export interface InvalidationsOptions extends WaitingInvalidationsOptions {
  /** Another process wrote or removed a key. */
  readonly onKeyChanged: (name: string) => void
}

const tagsPerCommand = 500

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
 */
export class Invalidations {
  /** Those that Redis has yet to hear of. */
  readonly waiting: WaitingInvalidations
  readonly #options: InvalidationsOptions
  readonly #link: RedisLink
  readonly #bus: Bus
  readonly #table: TagTable
  readonly #subscription: Subscription
  /** Messages to ourselves that have not come back. */
  readonly #echoes = new Map<string, () => void>()

  constructor(options: InvalidationsOptions) {
    this.#options = options
    this.#link = options.link
    this.#bus = options.bus
    this.#table = options.table
    this.waiting = new WaitingInvalidations(options)
    this.#subscription = options.bus.on(options.topic, {
      onMessage: (payload) => {
        this.#heard(payload)
      },
      onRevalidate: () => {
        this.#table.forgetAll()
      },
    })
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

  /**
   * @param twice - Once more when all processes know: for loads that hold no lock.
   * @param onWritten - Called when it is gone from Redis: what was read before must not be kept.
   */
  async delete(name: string, twice: boolean, onWritten: () => void): Promise<Invalidated> {
    if (this.#link.status !== 'up' || this.waiting.isKeyPending(name)) return this.waiting.add('key', [name])
    try {
      const delivery = await this.#sendDelete(name, onWritten)
      if (twice) await this.#sendDelete(name, onWritten)
      return { delivered: delivery.delivered, durability: 'redis' }
    } catch {
      return this.waiting.add('key', [name])
    }
  }

  /** Redis could not be given a new value: it must not answer the old one when it is back. */
  deleteLater(name: string): void {
    this.waiting.add('key', [name])
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
    this.waiting.repair()
    this.#table.forgetAll()
  }

  /** @returns How many invalidations are lost with this process. */
  async close(flushWithinMs: number): Promise<number> {
    const lost = await this.waiting.close(flushWithinMs)
    this.#subscription.close()
    return lost
  }

  async #invalidatePart(records: readonly TagRecord[]): Promise<Invalidated> {
    const names = records.map(({ name }) => name)
    if (this.#link.status !== 'up' || names.some((name) => this.waiting.isTagPending(name))) {
      return this.waiting.add('tag', names)
    }
    const sentNonce = nonce()
    for (const record of records) this.#table.sent(record, sentNonce)
    const progress = { written: false }
    try {
      const { delivered } = await this.#send(names, sentNonce, (version) => {
        progress.written = true
        for (const record of records) this.#table.answered(record, version)
        for (const name of names) this.waiting.acknowledged(name)
      })
      return { delivered, durability: 'redis' }
    } catch (error) {
      if (!progress.written) for (const record of records) this.#table.failed(record)
      const result = this.waiting.add('tag', names)
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

  async #sendDelete(name: string, onWritten: () => void): Promise<Delivery> {
    const { topic, keys } = this.#options
    const entry = keys.entry(name)
    const text = changeText({ from: this.#bus.id, keys: [name] })
    if (this.#link.traits.cluster) {
      await this.#link.run((client) => client.del(entry, keys.lock(entry)))
      onWritten()
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
    onWritten()
    return this.#bus.delivery(envelope, reply)
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
