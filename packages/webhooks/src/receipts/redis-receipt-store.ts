import { Keyspace, type RedisLink } from '@stayfast/redis-kit'
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
const claimWithinUs = 5_000_000

/** Receipts that all processes share. Each call is one command and settles within the deadline of the link. */
export class RedisReceiptStore implements ReceiptStore {
  readonly #link: RedisLink
  readonly #keys: Keyspace
  readonly #claimMs: number
  readonly #rememberMs: number

  constructor({ link, keyPrefix, claimSeconds, rememberSeconds }: RedisReceiptStoreOptions) {
    this.#link = link
    this.#keys = new Keyspace(() => `${link.keyPrefix}${keyPrefix}`)
    this.#claimMs = claimSeconds * 1000
    this.#rememberMs = rememberSeconds * 1000
  }

  claim(key: EventKey, fingerprint: string, token: string): Promise<Claim> {
    const { clock } = this.#link
    const notAfter = clock.known ? String(clock.nowUs() + claimWithinUs) : ''
    return this.#link.run((redis) =>
      claimScript.run(redis, [this.#key(key)], [fingerprint, token, this.#claimMs, notAfter]),
    )
  }

  async accept(key: EventKey, fingerprint: string): Promise<void> {
    await this.#link.run((redis) =>
      acceptScript.run(redis, [this.#key(key)], [fingerprint, this.#rememberMs]),
    )
  }

  async release(key: EventKey, token: string): Promise<void> {
    await this.#link.run((redis) => releaseScript.run(redis, [this.#key(key)], [token]))
  }

  #key({ provider, tenantId, id }: EventKey): string {
    return this.#keys.key('webhook', provider, tenantId, id)
  }
}
