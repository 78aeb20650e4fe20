import { UnrecoverableError, WaitingError, Worker, type Job, type MinimalJob } from 'bullmq'
import { HandlerInterruptedError } from '../errors.js'
import type { OnFailure, QueueLogger, RunEvent } from './event-queue.js'
import type { LinkClient } from './link-client.js'
import { isQueuedEvent } from './queued-event.js'
import { backoffMs, mayRetry } from './retry-rules.js'
import { settledWithin } from './settled-within.js'

/** Options of {@link BullWorker}. */
export interface BullWorkerOptions {
  readonly connection: (drainDelaySeconds: number) => LinkClient
  /** Ends the patience of that connection, and the one that waits for work. */
  readonly disconnect: () => void
  readonly prefix: string
  readonly queueName: string
  readonly concurrency: number
  readonly leaseSeconds: number
  /** Commands are billed: as few as possible while there is nothing to do. */
  readonly sparing: boolean
  readonly run: RunEvent
  readonly onFailure: OnFailure
  readonly logger: QueueLogger
}

/** An event that took so many workers down with it is set aside. */
const crashesUntilDead = 5
/** After a lost connection a worker tries again this often. */
const retryEveryMs = 1000
/** What the last commands of a worker are given once its handlers have ended. */
const lastCommandsMs = 1000

/** How often an idle worker asks: an empty queue, and whether another worker has died. */
interface IdleTimes {
  readonly drainDelaySeconds: number
  readonly stalledEveryMs: number
}

/** Idle workers cost 36 commands a minute, or 2 where each is billed; dead ones are then noticed late. */
function idleTimes({ sparing, leaseSeconds }: BullWorkerOptions): IdleTimes {
  if (sparing) return { drainDelaySeconds: 60, stalledEveryMs: 300_000 }
  return { drainDelaySeconds: 5, stalledEveryMs: Math.round(leaseSeconds * 500) }
}

/** The first pause of an event, as whoever put it into the queue wants it. */
function delayOf(job: MinimalJob | undefined): number {
  const backoff = job?.opts.backoff
  return typeof backoff === 'object' ? (backoff.delay ?? 0) : (backoff ?? 0)
}

/** Does not keep its process alive by leases that nobody needs any more. */
class ClosableWorker extends Worker {
  stopRenewing(): Promise<void> {
    return this.lockManager.close()
  }
}

/** Takes events out of BullMQ's queue and has them handled. */
export class BullWorker {
  readonly #options: BullWorkerOptions
  readonly #worker: ClosableWorker
  readonly #running = new Map<string, AbortController>()
  #idle: (() => void) | undefined

  /** @throws what opening the connection throws. */
  constructor(options: BullWorkerOptions) {
    const { drainDelaySeconds, stalledEveryMs } = idleTimes(options)
    const { queueName, prefix, concurrency, leaseSeconds, logger, onFailure } = options
    this.#options = options
    this.#worker = new ClosableWorker(queueName, (job, token) => this.#handle(job, token ?? ''), {
      connection: options.connection(drainDelaySeconds),
      prefix,
      concurrency,
      lockDuration: Math.round(leaseSeconds * 1000),
      stalledInterval: stalledEveryMs,
      maxStalledCount: crashesUntilDead,
      drainDelay: drainDelaySeconds,
      runRetryDelay: retryEveryMs,
      settings: {
        backoffStrategy: (attemptsMade, _type, _error, job) => backoffMs(attemptsMade, delayOf(job)),
      },
    })
    this.#worker.on('error', (error) => {
      logger.debug({ err: error }, 'webhooks: BullMQ reports an error of its worker')
    })
    this.#worker.on('failed', (job, error) => {
      if (job === undefined || !isQueuedEvent(job.data)) return
      onFailure(job.data, error, { attempt: job.attemptsMade, final: job.finishedOn !== undefined })
    })
    this.#worker.on('lockRenewalFailed', (jobIds) => {
      for (const id of jobIds) this.#interrupt(id, 'another worker may have taken the event over')
    })
  }

  /** @returns How many handlers were interrupted; their events go to another worker. */
  async close(withinMs: number): Promise<number> {
    const closed = this.#worker.close()
    const ended = this.#ended().then(() => settledWithin(closed, lastCommandsMs))
    await settledWithin(Promise.race([closed, ended]), withinMs)
    const interrupted = this.#running.size
    for (const id of this.#running.keys()) this.#interrupt(id, 'the app is closing')
    if (interrupted > 0) await settledWithin(closed, lastCommandsMs)
    this.#options.disconnect()
    await settledWithin(closed, lastCommandsMs / 4)
    await this.#worker.stopRenewing()
    return interrupted
  }

  /** Resolves when no handler runs. */
  #ended(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      this.#idle = resolve
    })
  }

  #interrupt(id: string, why: string): void {
    this.#running.get(id)?.abort(new HandlerInterruptedError(why))
  }

  async #handle(job: Job, token: string): Promise<void> {
    const event: unknown = job.data
    if (!isQueuedEvent(event)) throw new UnrecoverableError('This job is no webhook event.')
    const id = job.id ?? ''
    const interruption = new AbortController()
    const { signal } = interruption
    this.#running.set(id, interruption)
    try {
      const number = job.attemptsMade + 1
      const last = number >= (job.opts.attempts ?? 1)
      await this.#options.run(event, { number, last, repeated: job.attemptsStarted > number, signal })
    } catch (error) {
      if (signal.aborted) {
        await job.moveToWait(token)
        throw new WaitingError()
      }
      if (mayRetry(error)) throw error
      throw Object.assign(new UnrecoverableError(error instanceof Error ? error.message : ''), {
        cause: error,
      })
    } finally {
      this.#running.delete(id)
      if (this.#running.size === 0) this.#idle?.()
    }
  }
}
