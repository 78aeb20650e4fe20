import type { Bus, RedisLink, Subscription } from '@stayfast/redis-kit'
import { LRUCache } from 'lru-cache'

/** A process that has died brings nothing to Redis any more: after this long its word counts no more. */
const believedMs = 300_000

interface HeldElsewhereOptions {
  readonly bus: Bus | undefined
  readonly link: RedisLink
  readonly topic: string
  readonly maxEntries: number
}

/**
 * Instances that some process has accepted and Redis has not: it is full, read-only, or one shard of it is
 * away, and the processes still hear each other. Redis's word alone would make them "not found" everywhere
 * else.
 *
 * ```
 *   A                               Redis                        B
 *   │ ── save ──► refused: full ──   │                            │
 *   │ buffered                       │                            │
 *   │ ── PUBLISH +id ──────────────► │ ─────────────────────────► │ held elsewhere
 *   │                                │ ◄───────── "there is none" │ unknown, not "not found"
 *   │ ── replay ───────────────────► │ ◄────────────── there it is │ forgotten
 * ```
 *
 * A process that is cut off itself cannot tell: until it is back the others have Redis's word alone.
 */
export class HeldElsewhere {
  readonly #options: HeldElsewhereOptions
  readonly #ids: LRUCache<string, true>
  readonly #subscription: Subscription | undefined

  constructor(options: HeldElsewhereOptions) {
    this.#options = options
    this.#ids = new LRUCache({ max: options.maxEntries, ttl: believedMs })
    this.#subscription = options.bus?.on(options.topic, {
      onMessage: (payload) => {
        const id = payload.slice(1)
        if (payload.startsWith('+')) this.#ids.set(id, true)
        else this.#ids.delete(id)
      },
      // Whoever missed a message believes Redis, as without this.
      onRevalidate: () => undefined,
    })
  }

  /** Some process has accepted it, so that nobody may say that there is none. */
  has(id: string): boolean {
    return this.#ids.has(id)
  }

  /** Redis has it. */
  forget(id: string): void {
    this.#ids.delete(id)
  }

  /** Tells the others, if they can be told, that this process holds an instance or, with `'removed'`, its removal. */
  tell(id: string, held: 'accepted' | 'removed'): void {
    const { bus, link, topic } = this.#options
    if (bus === undefined || link.status !== 'up') return
    const { channel, message } = bus.announcement(topic, `${held === 'accepted' ? '+' : '-'}${id}`)
    // One that is lost costs what it costs without this.
    link.run((client) => client.publish(channel, message)).catch(() => undefined)
  }

  close(): void {
    this.#subscription?.close()
    this.#ids.clear()
  }
}
