import { admit, type Counter, type Decision, type Limit, type Run, type Usage } from './limit.js'

/**
 * The window is a row of so many buckets. A request is forgotten when its whole bucket has left the
 * window: at most one bucket (1/60 of the window) later than it could be, never earlier.
 *
 * ```
 *        window ends here ──► now
 *   │▒▒▒▒│    │    │ … │    │▓▓  │      ▒ the oldest bucket counts as a whole
 *   now - 60                now
 * ```
 */
export const bucketsPerWindow = 60

/** Buckets that count at any moment: those of the window, and the one that has just begun. */
export const countedBuckets: number = bucketsPerWindow + 1

/** How long a bucket is; rounded up, so that the row is never shorter than the window. */
export function bucketUs({ windowUs }: Limit): number {
  return Math.ceil(windowUs / bucketsPerWindow)
}

interface Bucket {
  readonly index: number
  units: number
}

/** Counts one key by a sliding window. */
export class SlidingWindow implements Counter {
  /** Only those in which something was admitted, oldest first. */
  readonly #buckets: Bucket[] = []
  #used = 0
  #widthUs = 0

  take(nowUs: number, limit: Limit, runs: readonly Run[]): Decision {
    this.#widthUs = bucketUs(limit)
    const index = this.#forget(Math.floor(nowUs / this.#widthUs))
    const atUs = Math.max(nowUs, index * this.#widthUs)
    const available = limit.max - this.#used
    const { taken, runs: decided } = admit(available, runs, (cost, left) => this.#retryUs(atUs, cost - left))
    if (taken > 0) this.#add(index, taken)
    const resetUs = this.#used === 0 ? 0 : this.#leavesAtUs(index) - atUs
    return { available, resetUs, runs: decided }
  }

  #leavesAtUs(index: number): number {
    return (index + countedBuckets) * this.#widthUs
  }

  /** @returns The bucket of now, or the newest one when the clock went back a little. */
  #forget(index: number): number {
    const newest = this.#buckets.at(-1)?.index ?? index
    if (Math.abs(index - newest) >= countedBuckets) {
      this.#buckets.length = 0
      this.#used = 0
      return index
    }
    const current = Math.max(index, newest)
    let first = this.#buckets[0]
    while (first !== undefined && first.index <= current - countedBuckets) {
      this.#used -= first.units
      this.#buckets.shift()
      first = this.#buckets[0]
    }
    return current
  }

  #add(index: number, units: number): void {
    this.#used += units
    const newest = this.#buckets.at(-1)
    if (newest?.index === index) newest.units += units
    else this.#buckets.push({ index, units })
  }

  /** When so many units will have left the window; what was just taken leaves last. */
  #retryUs(nowUs: number, units: number): number {
    let left = units
    for (const bucket of this.#buckets) {
      left -= bucket.units
      if (left <= 0) return this.#leavesAtUs(bucket.index) - nowUs
    }
    return this.#leavesAtUs(Math.floor(nowUs / this.#widthUs)) - nowUs
  }
}

/** Units by bucket, so that they leave the window in Redis when they would have left it here. */
export class SlidingWindowUsage implements Usage {
  readonly #units = new Map<number, number>()
  #endsAtUs = 0

  get endsAtUs(): number {
    return this.#endsAtUs
  }

  add(nowUs: number, limit: Limit, cost: number): void {
    const index = Math.floor(nowUs / bucketUs(limit))
    this.#units.set(index, (this.#units.get(index) ?? 0) + cost)
    this.#endsAtUs = Math.max(this.#endsAtUs, (index + countedBuckets) * bucketUs(limit))
    for (const old of this.#units.keys()) if (old <= index - countedBuckets) this.#units.delete(old)
  }

  toCharge(): readonly number[] {
    return [...this.#units].flat()
  }
}
