import type { EventKey } from '../event-key.js'

/** What {@link ReceiptStore.claim} found. */
export type Claim =
  /** The event is new: put it into the queue, then accept it. */
  | { readonly kind: 'claimed' }
  /** It was accepted before, with the same content. */
  | { readonly kind: 'duplicate' }
  /** It was accepted before, with another content. */
  | { readonly kind: 'conflict' }
  /** Somebody else is putting it into the queue, or died on it a moment ago. */
  | { readonly kind: 'claiming'; readonly endsInMs: number }

/**
 * Remembers which events were accepted.
 *
 * ```
 *   unknown ── claim ──► claiming ── accept ──► accepted ── 7 days ──► unknown
 *      ▲                    │  a lease of 10 s
 *      └── release, or the lease ran out: its owner died
 * ```
 *
 * The event goes into the queue while it is claiming. Whoever dies before that loses a lease and no
 * event: the sender tries again. Whoever dies after that leaves the event in the queue, where its id
 * keeps it from being added a second time, and the worker that handles it accepts it.
 */
export interface ReceiptStore {
  /**
   * @param fingerprint - Equal for equal content.
   * @param token - Of this attempt alone: only it can release what it claimed.
   */
  claim(key: EventKey, fingerprint: string, token: string): Promise<Claim>
  /** The event is in the queue, or was handled. Done later where the store is away. */
  accept(key: EventKey, fingerprint: string): Promise<void>
  /** The event is certainly not in the queue: the next attempt need not wait for the lease to end. */
  release(key: EventKey, token: string): Promise<void>
  /** Gives what is to be done later so much time. */
  close(withinMs: number): Promise<void>
}

/** How long receipts are kept. */
export interface ReceiptTimes {
  readonly claimSeconds: number
  readonly rememberSeconds: number
}
