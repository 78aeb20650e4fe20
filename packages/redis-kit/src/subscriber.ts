import type { RedisClient } from './client.js'
import { startDeadline } from './deadline.js'
import type { Subscription, SubscriptionHandler } from './link.js'

interface SubscriberOptions {
  readonly open: () => RedisClient
  readonly deadlineMs: number
  readonly heartbeatMs: number | false
}

/** After a SUBSCRIBE that was refused the next attempt waits this long. */
const subscribeAgainMs = 1000

/**
 * The connection that listens. Apart from the link's own, because with RESP2 a connection that
 * listens can do nothing else. It is watched by itself: a half-open subscriber shows no error.
 */
export class Subscriber {
  readonly #options: SubscriberOptions
  readonly #client: RedisClient
  readonly #handlers = new Map<string, Set<SubscriptionHandler>>()
  #connection = 0
  #listening = new Set<string>()
  #heartbeat: NodeJS.Timeout | undefined
  #again: NodeJS.Timeout | undefined
  #cancelDeadline: () => void = () => undefined

  constructor(options: SubscriberOptions) {
    this.#options = options
    this.#client = options.open()
    this.#client.on('ready', this.#onReady)
    this.#client.on('message', this.#onMessage)
    this.#client.on('close', this.#onLost)
    this.#client.on('end', this.#onLost)
    // The link reports why Redis is away; a second voice would say the same.
    this.#client.on('error', () => undefined)
    if (this.#client.status === 'ready') this.#onReady()
    else if (this.#client.status === 'wait') this.#client.connect().catch(() => undefined)
  }

  subscribe(channel: string, handler: SubscriptionHandler): Subscription {
    const handlers = this.#handlers.get(channel) ?? new Set()
    this.#handlers.set(channel, handlers)
    handlers.add(handler)
    if (this.#client.status === 'ready') {
      if (this.#listening.has(channel)) queueMicrotask(() => handler.onSubscribed?.())
      else void this.#listen(this.#connection)
    }
    return {
      close: () => {
        handlers.delete(handler)
        if (handlers.size > 0 || this.#handlers.get(channel) !== handlers) return
        this.#handlers.delete(channel)
        if (this.#listening.delete(channel)) this.#client.unsubscribe(channel).catch(() => undefined)
      },
    }
  }

  close(): void {
    this.#client.off('ready', this.#onReady)
    this.#client.off('message', this.#onMessage)
    this.#client.off('close', this.#onLost)
    this.#client.off('end', this.#onLost)
    this.#stopWatching()
    this.#handlers.clear()
    this.#client.disconnect()
  }

  readonly #onReady = (): void => {
    this.#connection += 1
    this.#listening = new Set()
    void this.#listen(this.#connection)
    this.#scheduleHeartbeat()
  }

  readonly #onMessage = (channel: string, message: string): void => {
    for (const handler of this.#handlers.get(channel) ?? []) handler.onMessage(message)
  }

  readonly #onLost = (): void => {
    this.#connection += 1
    this.#stopWatching()
    const lost = [...this.#listening]
    this.#listening = new Set()
    for (const channel of lost) {
      for (const handler of this.#handlers.get(channel) ?? []) handler.onLost?.()
    }
  }

  async #listen(connection: number): Promise<void> {
    const channels = [...this.#handlers.keys()].filter((channel) => !this.#listening.has(channel))
    if (channels.length === 0) return
    try {
      await this.#client.subscribe(...channels)
    } catch {
      if (connection !== this.#connection) return
      clearTimeout(this.#again)
      this.#again = setTimeout(() => void this.#listen(connection), subscribeAgainMs)
      return
    }
    if (connection !== this.#connection) return
    for (const channel of channels) {
      if (this.#listening.has(channel)) continue
      this.#listening.add(channel)
      for (const handler of this.#handlers.get(channel) ?? []) handler.onSubscribed?.()
    }
  }

  #scheduleHeartbeat(): void {
    const { heartbeatMs, deadlineMs } = this.#options
    if (heartbeatMs === false) return
    this.#heartbeat = setTimeout(() => {
      this.#cancelDeadline = startDeadline(deadlineMs, () => {
        this.#client.disconnect(true)
      })
      const answered = (): void => {
        this.#cancelDeadline()
        if (this.#client.status === 'ready') this.#scheduleHeartbeat()
      }
      this.#client.ping().then(answered, answered)
    }, heartbeatMs)
  }

  #stopWatching(): void {
    clearTimeout(this.#heartbeat)
    clearTimeout(this.#again)
    this.#cancelDeadline()
  }
}
