import { performance } from 'node:perf_hooks'
import { HandlerInterruptedError, queueFull, webhooksUnavailable } from '../errors.js'
import { idempotencyTokenOf } from '../event-key.js'
import { pageRange } from './dead-letter-page.js'
import type { DeadLetter, DeadLetterListOptions, DeadLetterPage, DeadLetters } from './dead-letters.js'
import type { EventQueue, OnFailure, QueuedEvent, QueueNumbers, RunEvent } from './event-queue.js'
import { backoffMs, mayRetry, type RetryRules } from './retry-rules.js'
import { settledWithin } from './settled-within.js'

/** Options of {@link MemoryEventQueue}. */
export interface MemoryEventQueueOptions extends RetryRules {
  readonly concurrency: number
  /** Events that are held at most, dead letters included; more are refused. */
  readonly maxEvents: number
  readonly retryAfterSeconds: number
  readonly onFailure: OnFailure
}

interface Job {
  readonly token: string
  readonly event: QueuedEvent
  readonly addedMs: number
  attemptsMade: number
  retry?: NodeJS.Timeout
}

/** The queue of an app that has no Redis: it works the same, and ends with its process. */
export class MemoryEventQueue implements EventQueue {
  readonly deadLetters: DeadLetters
  readonly #options: MemoryEventQueueOptions
  readonly #jobs = new Map<string, Job>()
  readonly #waiting = new Set<Job>()
  readonly #delayed = new Set<Job>()
  readonly #active = new Map<Job, { readonly interrupt: AbortController; readonly done: Promise<void> }>()
  readonly #dead = new Map<string, DeadLetter>()
  #run: RunEvent | undefined
  #interrupted = false

  constructor(options: MemoryEventQueueOptions) {
    this.#options = options
    this.deadLetters = {
      list: (page = {}) => this.#list(page),
      replay: (id) => Promise.resolve(this.#replay(id)),
      discard: (id) => Promise.resolve(this.#dead.delete(id) && this.#jobs.delete(id)),
    }
  }

  add(event: QueuedEvent): Promise<void> {
    const token = idempotencyTokenOf(event)
    if (this.#jobs.has(token)) return Promise.resolve()
    const { maxEvents, retryAfterSeconds } = this.#options
    if (this.#interrupted) return Promise.reject(webhooksUnavailable(undefined, retryAfterSeconds))
    if (this.#jobs.size >= maxEvents) return Promise.reject(queueFull(this.#jobs.size, retryAfterSeconds))
    const job: Job = { token, event, addedMs: performance.now(), attemptsMade: 0 }
    this.#jobs.set(token, job)
    this.#wait(job)
    return Promise.resolve()
  }

  process(run: RunEvent): void {
    this.#run = run
    this.#fetch()
  }

  numbers(): Promise<QueueNumbers> {
    const [oldest] = this.#waiting
    return Promise.resolve({
      waiting: this.#waiting.size,
      active: this.#active.size,
      delayed: this.#delayed.size,
      deadLetters: this.#dead.size,
      oldestWaitingSeconds: oldest === undefined ? 0 : (performance.now() - oldest.addedMs) / 1000,
    })
  }

  /** What waits is handled as well while there is time: nobody else could take it up. */
  async close(withinMs: number): Promise<number> {
    if (this.#run !== undefined) await settledWithin(this.#drained(), withinMs)
    this.#interrupted = true
    for (const { interrupt } of this.#active.values()) {
      interrupt.abort(new HandlerInterruptedError('the app is closing'))
    }
    for (const job of this.#delayed) clearTimeout(job.retry)
    return this.#waiting.size + this.#delayed.size + this.#active.size
  }

  /** Handles what there is, without the pauses between attempts. */
  async #drained(): Promise<void> {
    while (!this.#interrupted) {
      for (const job of this.#delayed) this.#wait(job)
      this.#fetch()
      if (this.#active.size === 0) return
      await Promise.race([...this.#active.values()].map(({ done }) => done))
    }
  }

  #wait(job: Job): void {
    clearTimeout(job.retry)
    this.#delayed.delete(job)
    this.#waiting.add(job)
    // Not at once: whoever adds an event is told so before its handler runs.
    setImmediate(() => {
      this.#fetch()
    })
  }

  #fetch(): void {
    const run = this.#run
    if (run === undefined || this.#interrupted) return
    for (const job of this.#waiting) {
      if (this.#active.size >= this.#options.concurrency) return
      this.#waiting.delete(job)
      const interrupt = new AbortController()
      const done = this.#attempt(job, run, interrupt.signal)
      this.#active.set(job, { interrupt, done })
    }
  }

  async #attempt(job: Job, run: RunEvent, signal: AbortSignal): Promise<void> {
    const { attempts } = this.#options
    const number = job.attemptsMade + 1
    try {
      await run(job.event, { number, last: number >= attempts, repeated: false, signal })
      this.#jobs.delete(job.token)
    } catch (error) {
      if (this.#interrupted) return
      this.#failed(job, error instanceof Error ? error : new Error(String(error)))
    }
    this.#active.delete(job)
    this.#fetch()
  }

  #failed(job: Job, error: Error): void {
    const { attempts, backoffDelayMs, onFailure } = this.#options
    job.attemptsMade += 1
    const final = job.attemptsMade >= attempts || !mayRetry(error)
    if (final) this.#dead.set(job.token, deadLetterOf(job, error))
    else {
      this.#delayed.add(job)
      job.retry = setTimeout(
        () => {
          this.#wait(job)
        },
        backoffMs(job.attemptsMade, backoffDelayMs),
      )
    }
    onFailure(job.event, error, { attempt: job.attemptsMade, final })
  }

  async #list(options: DeadLetterListOptions): Promise<DeadLetterPage> {
    const { start, limit } = pageRange(options)
    const latestFirst = [...this.#dead.values()].reverse()
    const items = latestFirst.slice(start, start + limit)
    await Promise.resolve()
    return start + limit < latestFirst.length ? { items, cursor: String(start + limit) } : { items }
  }

  #replay(id: string): boolean {
    const job = this.#jobs.get(id)
    if (job === undefined || !this.#dead.delete(id)) return false
    job.attemptsMade = 0
    this.#wait(job)
    return true
  }
}

function deadLetterOf({ token, event, attemptsMade }: Job, error: Error): DeadLetter {
  return {
    id: token,
    provider: event.provider,
    topic: event.topic,
    tenantId: event.tenantId,
    eventId: event.id,
    receivedAt: new Date(event.receivedAtMs),
    failedAt: new Date(),
    attempts: attemptsMade,
    reason: error.message,
  }
}
