import { performance } from 'node:perf_hooks'

/** A turn that never ends, such as a loop that awaits nothing but hits, looks again after so many. */
const looksPerReading = 64

/**
 * The time, and whether memory may answer, read once for all hits of a turn of the event loop: asking the
 * machine costs more than the rest of a hit. What comes in from outside begins another turn, so nobody
 * who has heard of something is answered from before it.
 */
export class TurnClock {
  /** Of this turn; call {@link TurnClock.look} first. */
  nowMs = 0
  /** Whether the lease was running when this turn began. */
  covered = false
  readonly #isCovered: () => boolean
  #left = 0
  #ending = false

  constructor(isCovered: () => boolean) {
    this.#isCovered = isCovered
  }

  look(): void {
    if (this.#left > 0) this.#left -= 1
    else this.#read()
  }

  /** Something happened that may have changed what is known of this turn. */
  readonly forget = (): void => {
    this.#left = 0
    this.#ending = false
  }

  #read(): void {
    this.#left = looksPerReading
    this.nowMs = performance.now()
    this.covered = this.#isCovered()
    if (this.#ending) return
    this.#ending = true
    process.nextTick(this.forget)
  }
}
