import {
  isRedisRefused,
  isRedisUnavailable,
  Keyspace,
  Outbox,
  StampSource,
  type RedisLink,
} from '@stayfast/redis-kit'
import type { EventKey } from '../event-key.js'
import { acceptScript, claimScript, releaseScript } from './receipt-scripts.js'
import type { Claim, ReceiptStore, ReceiptTimes } from './receipt-store.js'

/** Options of {@link RedisReceiptStore}. */
export interface RedisReceiptStoreOptions extends ReceiptTimes {
  readonly link: RedisLink
  /** Behind the prefix of the link. */
  readonly keyPrefix: string
}

/** A claim that was sent is not to be made any more once its caller has surely given it up. */
const claimWithinUs = 1_500_000

/**
 * Receipts that all processes share. Each call is one command and settles within the deadline of the link;
 * what was accepted while Redis is away is written when it is back.
 */
export class RedisReceiptStore implements ReceiptStore {
  readonly #link: RedisLink
  readonly #keys: Keyspace
  readonly #claimMs: number
  readonly #rememberMs: number
  readonly #later: Outbox<string>
  readonly #stamps: StampSource

  constructor({ link, keyPrefix, claimSeconds, rememberSeconds }: RedisReceiptStoreOptions) {
    this.#link = link
    this.#keys = new Keyspace(() => `${link.keyPrefix}${keyPrefix}`)
    this.#claimMs = Math.round(claimSeconds * 1000)
    this.#rememberMs = rememberSeconds * 1000
    this.#stamps = new StampSource(link.clock)
    this.#later = new Outbox({
      name: 'webhooks',
      link,
      replay: async (redis, name, intents) => {
        for (const { operation } of intents)
          await acceptScript.run(redis, [name], [operation, this.#rememberMs])
      },
      // A Redis that came back empty has lost the events as well: that they were accepted is not true any more.
      keepAcknowledgedMs: 0,
    })
  }

  claim(key: EventKey, fingerprint: string, token: string): Promise<Claim> {
    const name = this.#name(key)
    const [later] = this.#later.pending(name)
    if (later !== undefined) {
      return Promise.resolve({ kind: later.operation === fingerprint ? 'duplicate' : 'conflict' })
    }
    const { clock } = this.#link
    const notAfter = clock.known ? String(clock.nowUs() + claimWithinUs) : ''
    return this.#link.run((redis) =>
      claimScript.run(redis, [name], [fingerprint, token, this.#claimMs, notAfter]),
    )
  }

  async accept(key: EventKey, fingerprint: string): Promise<void> {
    const name = this.#name(key)
    try {
      await this.#link.run((redis) => acceptScript.run(redis, [name], [fingerprint, this.#rememberMs]))
    } catch (error) {
      if (!isRedisUnavailable(error) && !isRedisRefused(error)) throw error
      this.#later.add(name, { operation: fingerprint, stamp: this.#stamps.next() })
    }
  }

  async release(key: EventKey, token: string): Promise<void> {
    await this.#link.run((redis) => releaseScript.run(redis, [this.#name(key)], [token]))
  }

  async close(withinMs: number): Promise<void> {
    await this.#later.flush(withinMs)
    this.#later.close()
  }

  #name({ provider, tenantId, id }: EventKey): string {
    return this.#keys.key('webhook', provider, tenantId, id)
  }
}
