import { performance } from 'node:perf_hooks'

/** The clocks of two machines drift apart by some milliseconds in this time. */
const outdatedAfterMs = 60_000

/**
 * The time of the Redis server, so that stamps of several processes can be compared without trusting
 * their own clocks. Taken from TIME whenever the link asks for a sign of life, and carried on by
 * monotonic time while Redis is away.
 */
export class RedisClock {
  #redisUs: number | undefined
  #atMs = 0
  #roundTripMs = Infinity

  /** False until Redis has been seen once. */
  get known(): boolean {
    return this.#redisUs !== undefined
  }

  /** Redis time in microseconds since 1970; 0 in a process that never saw Redis, so that it loses to all others. */
  nowUs(): number {
    if (this.#redisUs === undefined) return 0
    return Math.floor(this.#redisUs + (performance.now() - this.#atMs) * 1000)
  }

  /**
   * Takes over a reply of TIME.
   *
   * @param reply - `[seconds, microseconds]`.
   * @param sentMs - `performance.now()` when it was asked for: the reply is as of half the round trip.
   */
  observe(reply: unknown, sentMs: number): void {
    if (!Array.isArray(reply)) return
    const redisUs = Number(reply[0]) * 1_000_000 + Number(reply[1])
    if (!Number.isFinite(redisUs)) return
    const nowMs = performance.now()
    const roundTripMs = nowMs - sentMs
    // The reply is as of some moment of the round trip, so a short one tells the time best. A busy
    // process measures long ones, which must not make the clock worse than it was.
    const outdated = nowMs - this.#atMs > outdatedAfterMs
    if (!outdated && roundTripMs > this.#roundTripMs) return
    this.#redisUs = redisUs
    this.#atMs = (sentMs + nowMs) / 2
    this.#roundTripMs = roundTripMs
  }
}
