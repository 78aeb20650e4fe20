import { setTimeout as delay } from 'node:timers/promises'
import { LinkClient, type LinkClientOptions } from './link-client.js'

/** How often an empty queue is looked at where no connection can wait for work. */
const lookEveryMs = 1000

/** Waits for work over a link alone, which has no connection to spare for waiting: it looks again and again. */
export class PollingClient extends LinkClient {
  readonly #options: LinkClientOptions
  #waits = new AbortController()
  override status = 'ready'

  constructor(options: LinkClientOptions) {
    super(options)
    this.#options = options
  }

  async bzpopmin(key: string, timeoutSeconds: number): Promise<[string, string, string] | null> {
    const untilMs = performance.now() + timeoutSeconds * 1000
    const { signal } = this.#waits
    for (;;) {
      const reply = await this.#options.send((redis) => redis.call('ZPOPMIN', key))
      if (Array.isArray(reply) && reply.length > 0) return [key, String(reply[0]), String(reply[1])]
      const leftMs = untilMs - performance.now()
      if (leftMs <= 0 || signal.aborted) return null
      await delay(Math.min(lookEveryMs, leftMs), undefined, { signal }).catch(() => undefined)
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
