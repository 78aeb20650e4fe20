import type { RedisClient } from './client.js'
import { startDeadline } from './deadline.js'
import type { Subscription, SubscriptionHandler } from './link.js'
import { reconnectDelay } from './reconnect-delay.js'

interface SubscriberOptions {
  /** Called again when a client has ended for good; undefined when there is nothing to connect to at the moment. */
  readonly open: () => RedisClient | undefined
  readonly deadlineMs: number
  readonly heartbeatMs: number | false
  readonly handshakeMs: number
}

/** After a SUBSCRIBE that was refused the next attempt waits this long. */
const subscribeAgainMs = 1000

/**
 * The connection that listens. Apart from the link's own, because with RESP2 a connection that
 * listens can do nothing else. It is watched by itself: a half-open subscriber shows no error.
 */
export class Subscriber {
  readonly #options: SubscriberOptions
  #client: RedisClient | undefined
  readonly #handlers = new Map<string, Set<SubscriptionHandler>>()
  #connection = 0
  #listening = new Set<string>()
  #heartbeat: NodeJS.Timeout | undefined
  #again: NodeJS.Timeout | undefined
  #opening: NodeJS.Timeout | undefined
  #attempts = 0
  #cancelDeadline: () => void = () => undefined

  constructor(options: SubscriberOptions) {
    this.#options = options
    this.#open()
  }

  subscribe(channel: string, handler: SubscriptionHandler): Subscription {
    const handlers = this.#handlers.get(channel) ?? new Set()
    this.#handlers.set(channel, handlers)
    handlers.add(handler)
    if (this.#client?.status === 'ready') {
      if (this.#listening.has(channel)) queueMicrotask(() => handler.onSubscribed?.())
      else void this.#listen(this.#connection)
    }
    return {
      close: () => {
        handlers.delete(handler)
        if (handlers.size > 0 || this.#handlers.get(channel) !== handlers) return
        this.#handlers.delete(channel)
        if (this.#listening.delete(channel)) this.#client?.unsubscribe(channel).catch(() => undefined)
      },
    }
  }

  close(): void {
    this.#handlers.clear()
    this.#connection += 1
    this.#leave()?.disconnect()
  }

  #open(): void {
    const client = this.#options.open()
    if (client !== undefined) subscribeNothingByItself(client)
    this.#client = client
    if (client === undefined) {
      this.#openLater()
      return
    }
    client.on('connect', this.#onConnect)
    client.on('ready', this.#onReady)
    client.on('message', this.#onMessage)
    client.on('close', this.#onLost)
    client.on('end', this.#onEnd)
    // The link reports why Redis is away; a second voice would say the same.
    client.on('error', () => undefined)
    if (client.status === 'ready') this.#onReady()
    else if (client.status === 'wait') client.connect().catch(() => undefined)
  }

  #openLater(): void {
    this.#attempts += 1
    clearTimeout(this.#opening)
    this.#opening = setTimeout(() => {
      this.#open()
    }, reconnectDelay(this.#attempts))
  }

  /** Forgets the client; the error listener stays, for a last error would end the process. */
  #leave(): RedisClient | undefined {
    const client = this.#client
    this.#client = undefined
    this.#stopWatching()
    client?.off('connect', this.#onConnect)
    client?.off('ready', this.#onReady)
    client?.off('message', this.#onMessage)
    client?.off('close', this.#onLost)
    client?.off('end', this.#onEnd)
    return client
  }

  readonly #onConnect = (): void => {
    this.#cancelDeadline()
    this.#cancelDeadline = startDeadline(this.#options.handshakeMs, () => this.#client?.disconnect(true))
  }

  readonly #onReady = (): void => {
    this.#cancelDeadline()
    this.#attempts = 0
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

  readonly #onEnd = (): void => {
    this.#onLost()
    this.#leave()
    this.#openLater()
  }

  async #listen(connection: number): Promise<void> {
    const channels = [...this.#handlers.keys()].filter((channel) => !this.#listening.has(channel))
    if (channels.length === 0) return
    try {
      await this.#client?.subscribe(...channels)
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
    const client = this.#client
    if (heartbeatMs === false || client === undefined) return
    this.#heartbeat = setTimeout(() => {
      this.#cancelDeadline = startDeadline(deadlineMs, () => {
        client.disconnect(true)
      })
      const answered = (): void => {
        this.#cancelDeadline()
        if (client === this.#client && client.status === 'ready') this.#scheduleHeartbeat()
      }
      client.ping().then(answered, answered)
    }, heartbeatMs)
  }

  #stopWatching(): void {
    clearTimeout(this.#heartbeat)
    clearTimeout(this.#again)
    clearTimeout(this.#opening)
    this.#cancelDeadline()
  }
}

/**
 * ioredis subscribes again by itself when it is ready, and leaves the rejection unhandled when the
 * connection is gone again by then: that would end the process. It reads the option each time.
 */
function subscribeNothingByItself(client: RedisClient): void {
  const options: unknown = Reflect.get(client, 'options')
  if (typeof options === 'object' && options !== null) Reflect.set(options, 'autoResubscribe', false)
}
