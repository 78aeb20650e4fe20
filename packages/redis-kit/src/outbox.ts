import { performance } from 'node:perf_hooks'
import type { RedisClient } from './client.js'
import { isRedisRefused, isRedisUnavailable } from './errors.js'
import type { RedisLink } from './link.js'
import type { Stamp } from './stamp.js'

/** A write that was accepted and that Redis has not acknowledged yet. It says what to do, not what comes out. */
export interface Intent<Operation> {
  readonly operation: Operation
  readonly stamp: Stamp
}

/** An intent that can never be replayed, kept for the operator. */
export interface QuarantinedIntent<Operation> {
  readonly key: string
  readonly intent: Intent<Operation>
  readonly cause: Error
}

/** The part of a logger that the outbox uses. */
export interface OutboxLogger {
  info(message: string): void
  error(details: object, message: string): void
}

/** How an {@link Outbox} works. */
export interface OutboxOptions<Operation> {
  readonly name: string
  readonly link: RedisLink
  /**
   * Applies the intents of one key in their order. It is called again when its outcome is unknown,
   * and must refuse what is older than what is stored: idempotent, by the stamps.
   */
  readonly replay: (client: RedisClient, key: string, intents: readonly Intent<Operation>[]) => Promise<void>
  /** More pending intents than this are refused. */
  readonly limit?: number
  /** Acknowledged writes are remembered for this long, to be offered again to a Redis that lost them. */
  readonly keepAcknowledgedMs?: number
  readonly logger?: OutboxLogger
  /** Called when a key has nothing pending any more, or was given up. */
  readonly onSettled?: (key: string) => void
}

const defaults = { limit: 10_000, keepAcknowledgedMs: 60_000 } as const satisfies Partial<
  OutboxOptions<unknown>
>

/** Keys that are replayed at the same time, and intents of one key in one go. */
const replaysAtOnce = 16
const intentsAtOnce = 100
/** After a refusal of the server (out of memory, loading…) the replay pauses this long. */
const pauseMs = 500
/** Acknowledged writes and given-up keys that are remembered at most. */
const rememberedAtMost = 10_000
const quarantinedAtMost = 100

interface Acknowledged<Operation> {
  readonly key: string
  readonly intent: Intent<Operation>
  readonly untilMs: number
}

/** Thrown when the outbox is full: the write was not accepted. Code `STAY_OUTBOX_FULL`. */
export class OutboxFullError extends Error {
  override readonly name = 'OutboxFullError'
  readonly code = 'STAY_OUTBOX_FULL'
  readonly statusCode = 503
  readonly canRetry = true

  constructor(name: string, limit: number) {
    super(
      `${name}: ${limit} writes already wait for Redis to return, so this one was not accepted. Try again when Redis is back.`,
    )
  }
}

/**
 * Writes that wait for Redis, in a queue per key.
 *
 * ```
 *                      add                     link up
 *   (nothing pending) ─────► pending ──────────────────────► replaying
 *           ▲                  ▲  ▲                              │
 *           │                  │  └── Redis away or refused ─────┤
 *           │                  └───── more was added meanwhile ──┤ acknowledged
 *           ├────────────────────────────────────────────────────┘ and nothing more
 *           └── quarantined: the replay failed for a reason that no retry mends
 * ```
 *
 * Order holds per key, nothing holds across keys: there is no barrier. A key with something pending
 * must not be read from Redis, and a new write to it joins its queue even while the link is up; see
 * {@link Outbox.pending}. What was accepted is never dropped; at the limit new writes are refused.
 */
export class Outbox<Operation> {
  readonly #options: OutboxOptions<Operation>
  readonly #limit: number
  readonly #queues = new Map<string, Intent<Operation>[]>()
  readonly #replaying = new Set<string>()
  /** Keys whose intents failed together: they are tried alone, so that one of them does not take the others along. */
  readonly #oneByOne = new Set<string>()
  readonly #quarantined: QuarantinedIntent<Operation>[] = []
  readonly #idleWaiters = new Set<() => void>()
  #acknowledged: Acknowledged<Operation>[] = []
  #size = 0
  #quarantinedCount = 0
  #pausedUntilMs = 0
  #timer: NodeJS.Timeout | undefined
  readonly #stopListening: () => void
  #closed = false

  constructor(options: OutboxOptions<Operation>) {
    this.#options = options
    this.#limit = options.limit ?? defaults.limit
    this.#stopListening = options.link.onChange(({ status }) => {
      if (status !== 'up') return
      this.#pausedUntilMs = 0
      this.#drain()
    })
  }

  /** Intents that wait, over all keys. */
  get size(): number {
    return this.#size
  }

  /** Intents that were given up, newest last; bounded. */
  get quarantined(): readonly QuarantinedIntent<Operation>[] {
    return this.#quarantined
  }

  /** How many intents were given up since the start. */
  get quarantinedCount(): number {
    return this.#quarantinedCount
  }

  /** The intents of a key that Redis has not acknowledged, oldest first; empty when it may be read from Redis. */
  pending(key: string): readonly Intent<Operation>[] {
    return this.#queues.get(key) ?? []
  }

  /**
   * Accepts a write.
   *
   * @throws {@link OutboxFullError} at the limit; nothing is accepted then.
   */
  add(key: string, intent: Intent<Operation>): void {
    if (this.#size >= this.#limit) throw new OutboxFullError(this.#options.name, this.#limit)
    const queue = this.#queues.get(key)
    if (queue === undefined) this.#queues.set(key, [intent])
    else queue.push(intent)
    this.#size += 1
    this.#drain()
  }

  /** Remembers a write that Redis acknowledged at once, so that it too is offered again after a loss. */
  acknowledged(key: string, intent: Intent<Operation>): void {
    const nowMs = performance.now()
    const untilMs = nowMs + (this.#options.keepAcknowledgedMs ?? defaults.keepAcknowledgedMs)
    if (untilMs <= nowMs) return
    this.#acknowledged.push({ key, intent, untilMs })
    if (
      this.#acknowledged.length > 2 * rememberedAtMost ||
      (this.#acknowledged[0]?.untilMs ?? 0) < nowMs - 5000
    ) {
      this.#forget()
    }
  }

  /**
   * Offers what was acknowledged lately once more, because Redis failed over or came back empty.
   * Harmless where nothing was lost: the replay refuses what is not newer than what is stored.
   *
   * @returns How many writes are offered. At the limit the newest are, and accepted ones stay.
   */
  repair(): number {
    this.#forget()
    const offered = this.#acknowledged.slice(-Math.max(0, this.#limit - this.#size))
    this.#acknowledged = []
    for (const { key, intent } of offered) {
      const queue = this.#queues.get(key) ?? []
      this.#queues.set(key, queue)
      queue.push(intent)
      this.#size += 1
      // What is offered again is older than what is pending: it goes before it.
      if (!this.#replaying.has(key)) queue.sort((a, b) => (a.stamp < b.stamp ? -1 : 1))
    }
    this.#drain()
    return offered.length
  }

  /**
   * Waits until nothing is pending, for a shutdown.
   *
   * @returns How many intents are still pending: they are lost if the process ends now.
   */
  async flush(withinMs: number): Promise<number> {
    if (this.#size > 0) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer)
          this.#idleWaiters.delete(done)
          resolve()
        }
        const timer = setTimeout(done, withinMs)
        this.#idleWaiters.add(done)
        this.#drain()
      })
    }
    return this.#size
  }

  /** Stops replaying. What is pending stays pending and can be counted by `size`. */
  close(): void {
    this.#closed = true
    this.#stopListening()
    clearTimeout(this.#timer)
    for (const waiter of this.#idleWaiters) waiter()
  }

  #forget(): void {
    const nowMs = performance.now()
    this.#acknowledged = this.#acknowledged.filter(({ untilMs }) => untilMs > nowMs).slice(-rememberedAtMost)
  }

  #drain(): void {
    if (this.#closed || this.#options.link.status !== 'up') return
    const waitMs = this.#pausedUntilMs - performance.now()
    if (waitMs > 0) {
      this.#drainLater(waitMs)
      return
    }
    for (const key of this.#queues.keys()) {
      if (this.#replaying.size >= replaysAtOnce) return
      if (!this.#replaying.has(key)) void this.#replay(key)
    }
  }

  #drainLater(waitMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#drain()
    }, waitMs)
  }

  async #replay(key: string): Promise<void> {
    const queue = this.#queues.get(key)
    if (queue === undefined) return
    this.#replaying.add(key)
    const intents = queue.slice(0, this.#oneByOne.has(key) ? 1 : intentsAtOnce)
    try {
      await this.#options.link.run((client) => this.#options.replay(client, key, intents))
      for (const intent of intents) this.acknowledged(key, intent)
      this.#settle(key, queue, intents.length)
    } catch (error) {
      if (isRedisUnavailable(error) || isRedisRefused(error))
        this.#pausedUntilMs = performance.now() + pauseMs
      else if (intents.length > 1) this.#oneByOne.add(key)
      else this.#quarantine(key, queue, error)
    } finally {
      this.#replaying.delete(key)
    }
    this.#drain()
  }

  #settle(key: string, queue: Intent<Operation>[], count: number): void {
    queue.splice(0, count)
    this.#size -= count
    if (queue.length > 0) {
      // A busy key goes behind the others.
      this.#queues.delete(key)
      this.#queues.set(key, queue)
      return
    }
    this.#queues.delete(key)
    this.#oneByOne.delete(key)
    this.#options.onSettled?.(key)
    if (this.#size === 0) for (const waiter of this.#idleWaiters) waiter()
  }

  #quarantine(key: string, queue: Intent<Operation>[], error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error))
    const [intent] = queue
    if (intent !== undefined) this.#quarantined.push({ key, intent, cause })
    this.#quarantinedCount += 1
    if (this.#quarantined.length > quarantinedAtMost) this.#quarantined.shift()
    this.#options.logger?.error(
      { err: cause },
      `${this.#options.name}: an accepted write cannot be replayed and was set aside; ${this.#quarantinedCount} so far.`,
    )
    this.#settle(key, queue, 1)
  }
}
