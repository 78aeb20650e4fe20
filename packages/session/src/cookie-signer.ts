import fastifyCookie from '@fastify/cookie'
import { LRUCache } from 'lru-cache'

interface Unsigned {
  readonly valid: boolean
  /** An old secret has signed it. */
  readonly renew: boolean
  readonly value: string | null
}

/** Signatures that are remembered: those of so many sessions need no HMAC with each request. */
const remembered = 10_000

const invalid: Unsigned = Object.freeze({ valid: false, renew: false, value: null })

/**
 * Signs session ids, and remembers the signatures that it found good. The first secret signs, the
 * others verify; what an old one has signed is told by `renew`.
 */
export class CookieSigner {
  readonly #signer: InstanceType<typeof fastifyCookie.Signer>
  /** By cookie. */
  readonly #verified = new LRUCache<string, Unsigned>({ max: remembered })
  /** By id. */
  readonly #signed = new LRUCache<string, string>({ max: remembered })

  /** @param secrets - Each of at least 32 characters; checked before. */
  constructor(secrets: readonly string[]) {
    this.#signer = new fastifyCookie.Signer([...secrets])
  }

  sign(id: string): string {
    return this.#signed.get(id) ?? this.#signer.sign(id)
  }

  unsign(cookie: string): Unsigned {
    const known = this.#verified.get(cookie)
    if (known !== undefined) return known
    // No cookie of ours is longer, and hashing a long one is work that anybody could ask for.
    if (cookie.length > longestCookie) return invalid
    const unsigned = this.#signer.unsign(cookie)
    // Only what is genuine is remembered: nobody fills the memory with cookies of his own.
    if (unsigned.valid) {
      const result: Unsigned = Object.freeze({ ...unsigned })
      this.#verified.set(cookie, result)
      this.#signed.set(unsigned.value, unsigned.renew ? this.#signer.sign(unsigned.value) : cookie)
    }
    return unsigned
  }
}

/** Ids of other generators included. */
const longestCookie = 1024
