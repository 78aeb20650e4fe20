import type { RedisClient } from './client.js'
import { reconnectDelay } from './reconnect-delay.js'

/** A client on its way back passes through these in a moment; one that stays in them has stopped trying. */
const stopped = new Set(['close', 'disconnecting', 'end'])
const lookEveryMs = 500

/**
 * Connects a client again that has given up by itself. Clients do so when they are told to leave their
 * connection while they are making one: ioredis ends for good when a failover is announced while it asks
 * the sentinels for the primary, and a Cluster client stays closed when an old node's connection ends
 * while it resolves the names of its nodes.
 */
export class Revival {
  readonly #client: RedisClient
  #attempts = 0
  #lastStatus = ''
  #timer: NodeJS.Timeout | undefined

  /** @param client - Belongs to the caller: as long as it is watched it is to be connected. */
  constructor(client: RedisClient) {
    this.#client = client
  }

  /** Watches the client until {@link stop}; more than once does no harm. */
  start(): void {
    if (this.#timer !== undefined) return
    this.#lastStatus = ''
    this.#lookIn(lookEveryMs)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#attempts = 0
  }

  #lookIn(delayMs: number): void {
    this.#timer = setTimeout(() => {
      const { status } = this.#client
      const gaveUp = stopped.has(status) && status === this.#lastStatus
      this.#lastStatus = status
      if (gaveUp) {
        this.#attempts += 1
        this.#lastStatus = ''
        this.#client.connect().catch(() => undefined)
      }
      this.#lookIn(lookEveryMs + (gaveUp ? reconnectDelay(this.#attempts) : 0))
    }, delayMs)
  }
}
