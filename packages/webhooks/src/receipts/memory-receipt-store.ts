import { LRUCache } from 'lru-cache'
import { idempotencyTokenOf, type EventKey } from '../event-key.js'
import type { Claim, ReceiptStore, ReceiptTimes } from './receipt-store.js'

interface Receipt {
  readonly fingerprint: string
  /** Of who is claiming; undefined once it is accepted. */
  readonly token: string | undefined
}

/** Receipts of one process. At its limit the one that was used longest ago is forgotten. */
export class MemoryReceiptStore implements ReceiptStore {
  readonly #claimMs: number
  readonly #receipts: LRUCache<string, Receipt>

  constructor(options: ReceiptTimes & { readonly maxReceipts: number }) {
    this.#claimMs = Math.round(options.claimSeconds * 1000)
    this.#receipts = new LRUCache({
      max: options.maxReceipts,
      ttl: options.rememberSeconds * 1000,
      perf: performance,
    })
  }

  claim(key: EventKey, fingerprint: string, token: string): Promise<Claim> {
    const name = idempotencyTokenOf(key)
    const known = this.#receipts.get(name)
    if (known === undefined) {
      this.#receipts.set(name, { fingerprint, token }, { ttl: this.#claimMs })
      return Promise.resolve({ kind: 'claimed' })
    }
    if (known.token === token && known.fingerprint === fingerprint)
      return Promise.resolve({ kind: 'claimed' })
    if (known.token !== undefined) {
      return Promise.resolve({ kind: 'claiming', endsInMs: this.#receipts.getRemainingTTL(name) })
    }
    return Promise.resolve({ kind: known.fingerprint === fingerprint ? 'duplicate' : 'conflict' })
  }

  accept(key: EventKey, fingerprint: string): Promise<void> {
    const name = idempotencyTokenOf(key)
    const known = this.#receipts.get(name)
    if (known === undefined || (known.token !== undefined && known.fingerprint === fingerprint)) {
      this.#receipts.set(name, { fingerprint, token: undefined })
    }
    return Promise.resolve()
  }

  release(key: EventKey, token: string): Promise<void> {
    const name = idempotencyTokenOf(key)
    if (this.#receipts.get(name)?.token === token) this.#receipts.delete(name)
    return Promise.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
