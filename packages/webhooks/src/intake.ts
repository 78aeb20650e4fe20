import { isRedisRefused, isRedisUnavailable } from '@stayfast/redis-kit'
import { LRUCache } from 'lru-cache'
import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import type { WebhookCounters } from './counters.js'
import { EventConflictError, eventBusy, webhooksUnavailable } from './errors.js'
import { idempotencyTokenOf } from './event-key.js'
import type { VerifiedEvent } from './providers/provider.js'
import type { EventQueue, QueuedEvent } from './queue/event-queue.js'
import type { Claim, ReceiptStore } from './receipts/receipt-store.js'

/** Options of {@link Intake}. */
export interface IntakeOptions {
  readonly receipts: ReceiptStore
  readonly queue: Pick<EventQueue, 'add'>
  /** Whether the queue would take an event now; asked before anything is claimed. */
  readonly canEnqueue: () => boolean
  /** Now, by the clock of Redis where it is known. */
  readonly nowMs: () => number
  readonly retryAfterSeconds: number
  readonly counters: WebhookCounters
  readonly logger: { debug(details: object, message: string): void }
}

/** Of so many events that this process took in it knows that it accepts them itself. */
const ownEvents = 1000

/** Who is accepting an event is waited for: it takes some round trips, unless somebody died on it. */
const settlesWithinMs = 500
const lookEveryMs = 40

/**
 * Takes events in: claim, enqueue, accept.
 *
 * ```
 *   claim ──► enqueue ──► accept ──► 202
 *     │          │           └ Redis is away: 202 as well, it is accepted when Redis is back
 *     │          └ fails: 503; the claim is given back where the event is certainly not in the queue
 *     ├ duplicate: 200 · another content: 422 · Redis is away: 503
 *     └ somebody else is at it: asked again for half a second, then 503
 * ```
 */
export class Intake {
  readonly #options: IntakeOptions
  /** Tells the attempts of this process from those of all others. */
  readonly #process = randomBytes(12).toString('base64url')
  #attempts = 0
  readonly #own = new LRUCache<string, 'queued' | 'handled'>({ max: ownEvents })

  constructor(options: IntakeOptions) {
    this.#options = options
  }

  /** @throws STAY_WEBHOOK_CONFLICT, STAY_WEBHOOK_BUSY, STAY_WEBHOOK_UNAVAILABLE, STAY_WEBHOOK_QUEUE_FULL */
  async take(provider: string, verified: VerifiedEvent): Promise<'accepted' | 'duplicate'> {
    const { counters } = this.#options
    const event: QueuedEvent = { provider, ...verified, receivedAtMs: this.#options.nowMs() }
    this.#attempts += 1
    const token = `${this.#process}.${this.#attempts}`
    const claim = await this.#settledClaim(event, token)
    switch (claim.kind) {
      case 'duplicate':
        counters.duplicates += 1
        return 'duplicate'
      case 'conflict':
        counters.conflicts += 1
        throw new EventConflictError()
      case 'claiming':
        counters.deferred += 1
        throw eventBusy(Math.max(claim.endsInMs / 1000, 1))
      case 'claimed':
        await this.#enqueue(event, token)
        await this.#accept(event)
        counters.accepted += 1
        return 'accepted'
    }
  }

  /**
   * Accepts an event that was handled, in case whoever put it into the queue died, or lost Redis, before it
   * could: its sender tries again, when the queue may have forgotten the event.
   */
  async settle(event: QueuedEvent): Promise<void> {
    const name = idempotencyTokenOf(event)
    if (this.#own.has(name)) this.#own.set(name, 'handled')
    else await this.#accept(event)
  }

  /** Copies that come at the same moment are duplicates of the one that gets through. */
  async #settledClaim(event: QueuedEvent, token: string): Promise<Claim> {
    const untilMs = performance.now() + settlesWithinMs
    for (;;) {
      const claim = await this.#claim(event, token)
      if (claim.kind !== 'claiming' || performance.now() >= untilMs) return claim
      await delay(lookEveryMs)
    }
  }

  async #claim(event: QueuedEvent, token: string): Promise<Claim> {
    const { receipts, canEnqueue } = this.#options
    if (!canEnqueue()) throw this.#unavailable(undefined)
    try {
      return await receipts.claim(event, event.fingerprint, token)
    } catch (error) {
      throw this.#unavailable(error)
    }
  }

  async #enqueue(event: QueuedEvent, token: string): Promise<void> {
    const { queue, receipts, logger } = this.#options
    const name = idempotencyTokenOf(event)
    this.#own.set(name, 'queued')
    try {
      await queue.add(event)
    } catch (error) {
      // The answer was lost, and a worker of this process was faster than the deadline.
      if (this.#own.get(name) === 'handled') return
      this.#own.delete(name)
      const mayBeThere = isRedisUnavailable(error) && error.outcome === 'unknown'
      if (!mayBeThere) {
        receipts.release(event, token).catch((failure: unknown) => {
          logger.debug({ err: failure }, 'webhooks: a claim is left to run out')
        })
      }
      throw this.#unavailable(error)
    }
  }

  async #accept(event: QueuedEvent): Promise<void> {
    const { receipts, logger } = this.#options
    try {
      await receipts.accept(event, event.fingerprint)
    } catch (error) {
      logger.debug({ err: error }, 'webhooks: an event is in the queue and not marked as accepted')
    }
  }

  #unavailable(error: unknown): unknown {
    const { counters, retryAfterSeconds } = this.#options
    counters.deferred += 1
    if (error === undefined || isRedisUnavailable(error) || isRedisRefused(error)) {
      return webhooksUnavailable(error, retryAfterSeconds)
    }
    return error
  }
}
