import { performance } from 'node:perf_hooks'
import type { RedisClient } from './client.js'
import type { PrimaryWatch } from './primary-watch.js'
import type { RedisClock } from './redis-clock.js'
import { signOfLife } from './sign-of-life.js'

/**
 * Asks for a sign of life by TIME, which sets the clock as well. One at a time: on a client that queues
 * while it is disconnected, one more with each probe would grow without bound.
 */
export class Pulse {
  readonly #client: RedisClient
  readonly #clock: RedisClock
  readonly #primaries: PrimaryWatch | undefined
  #pending: Promise<unknown> | undefined
  #complete: Promise<void> | undefined

  /** @param primaries - Of a Cluster, whose shards are all asked. */
  constructor(client: RedisClient, clock: RedisClock, primaries: PrimaryWatch | undefined) {
    this.#client = client
    this.#clock = clock
    this.#primaries = primaries
  }

  /** On a Cluster: settled when all shards have answered the last question, not only one. */
  get complete(): Promise<void> | undefined {
    return this.#complete
  }

  /** Resolves with the first answer, which on a Cluster is that of any shard. */
  ask(): Promise<unknown> {
    const sentMs = performance.now()
    this.#pending ??= this.#send()
      .then((reply) => {
        this.#clock.observe(reply, sentMs)
      })
      .finally(() => {
        this.#pending = undefined
      })
    return this.#pending
  }

  #send(): Promise<unknown> {
    if (this.#primaries === undefined) return signOfLife(this.#client)
    const { first, complete } = this.#primaries.callTheRoll()
    this.#complete = complete
    return first
  }
}
