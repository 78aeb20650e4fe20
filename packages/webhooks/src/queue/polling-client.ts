import { setTimeout as delay } from 'node:timers/promises'
import { LinkClient, type LinkClientOptions } from './link-client.js'
import { mayHaveRun } from './patient-sender.js'

/** How often an empty queue is looked at where no connection can wait for work. */
const lookEveryMs = 1000

/**
 * Member and score of BullMQ's marker that there is work now. Where there is none, a worker that was given it
 * has asked once in vain.
 */
const workNow = ['0', '0'] as const

/**
 * Waits for work over a link alone, which has no connection to spare for waiting: it looks again and again.
 *
 * A look takes the marker, so one whose reply is lost may have lost the marker as well. Without it BullMQ would
 * wait for ten seconds although there is work:
 *
 * ```
 *   add ──► marker ──► ZPOPMIN takes it ──✗ reply ──► next wait: as if the marker were there
 * ```
 */
export class PollingClient extends LinkClient {
  readonly #options: LinkClientOptions
  #waits = new AbortController()
  #mayHaveTaken = false
  override status = 'ready'

  constructor(options: LinkClientOptions) {
    super(options)
    this.#options = options
  }

  async bzpopmin(key: string, timeoutSeconds: number): Promise<[string, string, string] | null> {
    if (this.#mayHaveTaken) {
      this.#mayHaveTaken = false
      return [key, ...workNow]
    }
    const untilMs = performance.now() + timeoutSeconds * 1000
    const { signal } = this.#waits
    for (;;) {
      const reply = await this.#take(key)
      if (Array.isArray(reply) && reply.length > 0) return [key, String(reply[0]), String(reply[1])]
      const leftMs = untilMs - performance.now()
      if (leftMs <= 0 || signal.aborted) return null
      await delay(Math.min(lookEveryMs, leftMs), undefined, { signal }).catch(() => undefined)
    }
  }

  async #take(key: string): Promise<unknown> {
    try {
      return await this.#options.send((redis) => redis.call('ZPOPMIN', key))
    } catch (error) {
      if (mayHaveRun(error)) this.#mayHaveTaken = true
      throw error
    }
  }

  override connect(): Promise<void> {
    this.status = 'ready'
    this.#waits = new AbortController()
    return Promise.resolve()
  }

  override disconnect(): void {
    this.status = 'end'
    this.#waits.abort()
    queueMicrotask(() => this.emit('end'))
  }

  quit(): Promise<string> {
    this.disconnect()
    return Promise.resolve('OK')
  }
}
