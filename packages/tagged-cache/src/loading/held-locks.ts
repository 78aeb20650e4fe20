import { performance } from 'node:perf_hooks'

interface Held {
  readonly name: string
  sinceMs: number
}

/** How {@link HeldLocks} are kept. */
export interface HeldLocksOptions {
  readonly lockTtlMs: number
  /** Makes a lock last for its TTL from now. */
  readonly renew: (name: string, token: string) => void
}

/** A lock is renewed when between a sixth and a third of its TTL is over. */
const looksPerTtl = 6

/** Keeps the locks of loads that take longer than the TTL of a lock; one timer for all of them. */
export class HeldLocks {
  readonly #options: HeldLocksOptions
  readonly #held = new Map<string, Held>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: HeldLocksOptions) {
    this.#options = options
  }

  hold(name: string, token: string): void {
    this.#held.set(token, { name, sinceMs: performance.now() })
    this.#timer ??= setInterval(() => {
      this.#look()
    }, this.#options.lockTtlMs / looksPerTtl)
  }

  /** It was given back, or is not needed any more. */
  leave(token: string): void {
    this.#held.delete(token)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#held.clear()
  }

  #look(): void {
    // The timer outlives a pause of one turn, so that loads in quick succession share it.
    if (this.#held.size === 0) {
      this.close()
      return
    }
    const { lockTtlMs, renew } = this.#options
    const nowMs = performance.now()
    for (const [token, held] of this.#held) {
      if (nowMs - held.sinceMs < lockTtlMs / looksPerTtl) continue
      held.sinceMs = nowMs
      renew(held.name, token)
    }
  }
}
