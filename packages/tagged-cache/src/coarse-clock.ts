import { performance } from 'node:perf_hooks'

const readings = 64
const everyMs = 5

/**
 * A monotonic clock that is read once for many answers: asking the machine costs as much as the rest of
 * a hit. It is behind by some milliseconds, or as long as the event loop is blocked. Good for times to
 * live; whether a lease is running is never told by it.
 */
export class CoarseClock {
  #nowMs = 0
  #left = 0
  #timer: NodeJS.Timeout | undefined

  nowMs(): number {
    if (this.#left > 0) {
      this.#left -= 1
      return this.#nowMs
    }
    this.#left = readings
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#left = 0
    }, everyMs)
    this.#nowMs = performance.now()
    return this.#nowMs
  }

  close(): void {
    clearTimeout(this.#timer)
  }
}
