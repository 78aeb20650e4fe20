import { isRedisRefused, RedisUnavailableError, type RedisClient, type RedisLink } from '@stayfast/redis-kit'
import { Queue } from 'bullmq'
import { idempotencyTokenOf } from '../event-key.js'
import { blockingClient, type BlockingClient } from './blocking-client.js'
import { BullDeadLetters } from './bull-dead-letters.js'
import { BullWorker } from './bull-worker.js'
import type { DeadLetters } from './dead-letters.js'
import type {
  EventQueue,
  OnFailure,
  QueuedEvent,
  QueueLogger,
  QueueNumbers,
  RunEvent,
} from './event-queue.js'
import { LinkClient } from './link-client.js'
import { PatientSender } from './patient-sender.js'
import { PollingClient } from './polling-client.js'
import { backoffType, type RetryRules } from './retry-rules.js'

/** Options of {@link BullEventQueue}. */
export interface BullEventQueueOptions extends RetryRules {
  readonly link: RedisLink
  /**
   * Opens a connection that may wait for work; only asked while the link is `up`. Without it the worker
   * looks for work once a second.
   */
  readonly openBlocking: ((settings: { readonly drainDelaySeconds: number }) => RedisClient) | undefined
  /** Behind the prefix of the link. */
  readonly keyPrefix: string
  readonly queueName: string
  readonly concurrency: number
  /** A worker that gives no sign of life for so long loses its events to another. */
  readonly leaseSeconds: number
  readonly onFailure: OnFailure
  readonly logger: QueueLogger
}

/** BullMQ keeps this many of its own events, which nobody reads here. */
const keptBullEvents = 100

/**
 * The queue of an app that has Redis: BullMQ, over a link. What it is asked while Redis is away is
 * refused at once; workers wait, and go on by themselves.
 */
export class BullEventQueue implements EventQueue {
  readonly deadLetters: DeadLetters
  readonly #options: BullEventQueueOptions
  readonly #stopListening: () => void
  #opening: Promise<Queue> | undefined
  #queue: Queue | undefined
  #info = ''
  #run: RunEvent | undefined
  #worker: BullWorker | undefined
  #closed = false

  constructor(options: BullEventQueueOptions) {
    this.#options = options
    this.deadLetters = new BullDeadLetters(options.link, () => this.#opened())
    this.#stopListening = options.link.onChange(({ status }) => {
      if (status === 'up') this.#open()
    })
    if (options.link.status === 'up') this.#open()
  }

  async add(event: QueuedEvent): Promise<void> {
    const { attempts, backoffDelayMs } = this.#options
    const queue = await this.#opened()
    await queue.add(event.topic, event, {
      jobId: idempotencyTokenOf(event),
      timestamp: Math.floor(event.receivedAtMs),
      attempts,
      backoff: { type: backoffType, delay: backoffDelayMs },
      removeOnComplete: true,
      removeOnFail: false,
      stackTraceLimit: 1,
    })
  }

  process(run: RunEvent): void {
    this.#run = run
    this.#startWorker()
  }

  async numbers(): Promise<QueueNumbers> {
    const queue = await this.#opened()
    const {
      wait = 0,
      active = 0,
      delayed = 0,
      failed = 0,
    } = await queue.getJobCounts('wait', 'active', 'delayed', 'failed')
    const [oldest] = wait === 0 ? [] : await queue.getJobs(['wait'], 0, 0, true)
    const { clock } = this.#options.link
    const nowMs = clock.known ? clock.nowUs() / 1000 : Date.now()
    return {
      waiting: wait,
      active,
      delayed,
      deadLetters: failed,
      oldestWaitingSeconds: oldest === undefined ? 0 : Math.max(0, nowMs - oldest.timestamp) / 1000,
    }
  }

  async close(withinMs: number): Promise<number> {
    this.#closed = true
    this.#stopListening()
    const interrupted = (await this.#worker?.close(withinMs)) ?? 0
    await this.#queue?.close()
    return interrupted
  }

  /** The queue, once the link has been up; until then nobody knows the prefix of its keys. */
  async #opened(): Promise<Queue> {
    const queue = this.#queue ?? (await this.#opening)
    if (queue !== undefined) return queue
    const { status } = this.#options.link
    throw new RedisUnavailableError('The queue was not asked: Redis has not been reached yet.', {
      outcome: 'not-sent',
      status,
    })
  }

  #open(): void {
    if (this.#queue !== undefined) {
      this.#startWorker()
      return
    }
    this.#opening ??= this.#openQueue().finally(() => {
      this.#opening = undefined
    })
    // Whoever waits for it is told; otherwise the next connection tries again.
    this.#opening.then(
      () => {
        this.#startWorker()
      },
      (error: unknown) => {
        this.#options.logger.debug({ err: error }, 'webhooks: the queue is opened with the next connection')
      },
    )
  }

  async #openQueue(): Promise<Queue> {
    const { link, queueName, logger } = this.#options
    this.#info = await this.#serverInfo()
    const connection = new LinkClient({
      send: (work) => link.run(work),
      isCluster: link.traits.cluster,
      info: this.#info,
      openBlocking: waitsForNothing,
    })
    const queue = new Queue(queueName, {
      connection,
      prefix: this.#prefix(),
      streams: { events: { maxLen: keptBullEvents } },
    })
    queue.on('error', (error) => {
      logger.debug({ err: error }, 'webhooks: BullMQ reports an error of its queue')
    })
    this.#queue = queue
    return queue
  }

  /**
   * INFO may be forbidden to this user; BullMQ then takes the server for an old one, and works. The policy of
   * eviction is left out: BullMQ would tell of it on the console, and who opens the connection does in the log.
   */
  async #serverInfo(): Promise<string> {
    try {
      const info = await this.#options.link.run((redis) => redis.info())
      return info.replace(/^maxmemory_policy:.*$/m, '')
    } catch (error) {
      if (isRedisRefused(error) && error.reason === 'no-permission') return ''
      throw error
    }
  }

  /** On a Cluster all keys of a queue live in one slot. */
  #prefix(): string {
    const { link, keyPrefix } = this.#options
    return `${link.keyPrefix}${keyPrefix}${link.traits.cluster ? '{bull}' : 'bull'}`
  }

  /** What opens connections may fail, as when the link has just gone: then the next connection starts the worker. */
  #startWorker(): void {
    const run = this.#run
    if (run === undefined || this.#queue === undefined) return
    if (this.#worker !== undefined || this.#closed || this.#options.link.status !== 'up') return
    try {
      this.#worker = this.#openWorker(run)
    } catch (error) {
      this.#options.logger.warn(
        { err: error },
        'webhooks: the worker could not be started; it is tried again',
      )
    }
  }

  #openWorker(run: RunEvent): BullWorker {
    const { link, queueName, concurrency, leaseSeconds, onFailure, logger, openBlocking } = this.#options
    const sender = new PatientSender(link, (reason) => {
      logger.warn({ reason }, 'webhooks: the worker waits, because Redis refuses its commands')
    })
    const client = { send: sender.send, isCluster: link.traits.cluster, info: this.#info }
    let opened: BlockingClient | undefined
    const keep = (blocking: BlockingClient): object => {
      opened = blocking
      return blocking.client
    }
    return new BullWorker({
      connection: (drainDelaySeconds) =>
        new LinkClient({
          ...client,
          openBlocking: () =>
            openBlocking === undefined
              ? new PollingClient({ ...client, openBlocking: waitsForNothing })
              : keep(blockingClient(openBlocking({ drainDelaySeconds }), this.#info)),
        }),
      disconnect: () => {
        sender.stop()
        opened?.end()
      },
      prefix: this.#prefix(),
      queueName,
      concurrency,
      leaseSeconds,
      sparing: link.traits.billedByCommand,
      run,
      onFailure,
      logger,
    })
  }
}

function waitsForNothing(): never {
  throw new TypeError('This client does not wait for work.')
}
