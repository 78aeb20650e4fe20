import { isRedisUnavailable, type RedisLink } from '@stayfast/redis-kit'
import { performance } from 'node:perf_hooks'

/** How Redis is doing. */
export interface ConnectionCheckResult {
  /** `'disabled'` when no Redis is configured. */
  readonly status: 'healthy' | 'unhealthy' | 'disabled'
  readonly connected: boolean
  /** Milliseconds of the last round trip, rounded up; null while there is no connection. */
  readonly latencyMs: number | null
}

/** A probe is answered within this time, from the last measurement if the one under way takes longer. */
const answerWithinMs = 15
/** A measurement is good for this long; probes cannot be used as an amplifier. */
const freshForMs = 500

/** Measures the round trip to Redis, at most twice a second however often it is asked. */
export class ConnectionCheck {
  readonly #link: RedisLink
  readonly #freshForMs: number
  readonly #handshakeMs: () => number | undefined
  #latencyMs: number | undefined
  #measuredAtMs = -Infinity
  #measuring: Promise<void> | undefined

  /** @param handshakeMs - The round trip of the connection's start, which stands in for the first measurement. */
  constructor(link: RedisLink, heartbeatMs: number | false, handshakeMs: () => number | undefined) {
    this.#link = link
    // Where commands are billed, health is as fresh as the heartbeat.
    this.#freshForMs = link.traits.billedByCommand ? heartbeatMs || 60_000 : freshForMs
    this.#handshakeMs = handshakeMs
  }

  async run(): Promise<ConnectionCheckResult> {
    if (this.#link.status === 'off') return { status: 'disabled', connected: false, latencyMs: null }
    if (this.#link.status === 'up' && performance.now() - this.#measuredAtMs > this.#freshForMs) {
      this.#measuring ??= this.#measure()
      await this.#atMost(this.#measuring)
    }
    if (this.#link.status !== 'up') return { status: 'unhealthy', connected: false, latencyMs: null }
    const latencyMs = this.#latencyMs ?? this.#handshakeMs()
    return {
      status: 'healthy',
      connected: true,
      latencyMs: latencyMs === undefined ? null : Math.ceil(latencyMs),
    }
  }

  async #measure(): Promise<void> {
    const startedMs = performance.now()
    const answered = await this.#link
      .run((client) => client.call('TIME'))
      .then(
        () => true,
        // A refusal is an answer too; the link's state tells of the rest.
        (error: unknown) => !isRedisUnavailable(error),
      )
    this.#measuredAtMs = performance.now()
    if (answered) this.#latencyMs = this.#measuredAtMs - startedMs
    this.#measuring = undefined
  }

  #atMost(measuring: Promise<void>): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, answerWithinMs)
      void measuring.then(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}
