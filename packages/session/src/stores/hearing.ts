import type { Bus, RedisLink } from '@stayfast/redis-kit'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'

/** How often it is looked whether this process still hears the others. */
const lookEveryMs = 250
/** And at the start. */
const lookAtStartEveryMs = 5

/**
 * Whether this process heard the others up to when Redis last answered. If it did not, they may have
 * ended sessions without its knowing, and what it remembers is not to be trusted in an outage.
 */
export class Hearing {
  readonly #link: RedisLink
  readonly #bus: Bus
  readonly #timer: NodeJS.Timeout
  #answered = 0
  #answeredAtMs = 0
  #heardAtMs = 0

  constructor(link: RedisLink, bus: Bus) {
    this.#link = link
    this.#bus = bus
    this.#timer = setInterval(() => {
      this.look()
    }, lookEveryMs)
  }

  /** Redis has answered later than the others were heard, by more than a lease. */
  get deaf(): boolean {
    this.look()
    return this.#answeredAtMs - this.#heardAtMs > this.#bus.leaseMs
  }

  /** Notes whether Redis has answered, and whether the others are heard now. */
  look(): void {
    const nowMs = performance.now()
    const { answered } = this.#link.counters
    if (answered !== this.#answered) {
      this.#answered = answered
      this.#answeredAtMs = nowMs
    }
    if (this.#bus.covered) this.#heardAtMs = nowMs
  }

  /** Resolves when the others are heard, after `withinMs`, or when Redis is not there to be heard through. */
  async begun(withinMs: number): Promise<void> {
    const untilMs = performance.now() + withinMs
    while (!this.#bus.covered && this.#link.status === 'up' && performance.now() < untilMs) {
      await delay(lookAtStartEveryMs)
    }
    this.look()
  }

  close(): void {
    clearInterval(this.#timer)
  }
}
