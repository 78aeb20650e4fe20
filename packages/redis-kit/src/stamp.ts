import { randomBytes } from 'node:crypto'
import type { RedisClock } from './redis-clock.js'

/**
 * When a write was accepted, as text that sorts by time: 16 digits of microseconds, the process, a
 * sequence. Two stamps are never equal, and a script compares them as strings.
 */
export type Stamp = string

const usDigits = 16

/** The microseconds of a stamp. */
export function stampUs(stamp: Stamp): number {
  return Number(stamp.slice(0, usDigits))
}

/**
 * Gives each accepted write of a process its stamp. Stamps of one process always grow, whatever the
 * clock does; a process that never saw Redis begins at zero, so that its writes lose to any real one.
 */
export class StampSource {
  readonly #clock: RedisClock
  readonly #process = randomBytes(6).toString('base64url')
  #lastUs = 0
  #sequence = 0

  constructor(clock: RedisClock) {
    this.#clock = clock
  }

  /** @param afterUs - The stamp is later than this, such as the last moment at which a command in doubt may still run. */
  next(afterUs = 0): Stamp {
    this.#lastUs = Math.max(this.#clock.nowUs(), this.#lastUs, afterUs + 1)
    this.#sequence += 1
    const sequence = this.#sequence.toString(36).padStart(8, '0')
    return `${String(this.#lastUs).padStart(usDigits, '0')}.${this.#process}.${sequence}`
  }
}
