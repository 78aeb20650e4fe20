/** Of so many round trips the median is taken: one that met a pause is no trend. */
const windowSize = 5
/** The baseline is the quickest of this many groups of medians… */
const groups = 24
/** …each of so many: a network that has become slower for good is the baseline after a while. */
const groupSize = 60

function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((one, other) => one - other)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle]
  if (upper === undefined || sorted.length % 2 === 1) return upper
  return ((sorted[middle - 1] ?? upper) + upper) / 2
}

/** The round trips of a link: their rolling median, and the quickest that it has been. */
export class LatencyWindow {
  readonly #latest: number[] = []
  readonly #groups: number[] = []
  #inGroup = groupSize

  observe(latencyMs: number): void {
    this.#latest.push(latencyMs)
    if (this.#latest.length > windowSize) this.#latest.shift()
    const now = this.medianMs
    if (this.#latest.length < windowSize || now === undefined) return
    if (this.#inGroup === groupSize) {
      this.#inGroup = 0
      this.#groups.push(now)
      if (this.#groups.length > groups) this.#groups.shift()
    }
    this.#inGroup += 1
    this.#groups.push(Math.min(this.#groups.pop() ?? now, now))
  }

  /** Undefined before the first one. */
  get medianMs(): number | undefined {
    return median(this.#latest)
  }

  /** What a round trip takes when all is well; undefined until there are five. */
  get baselineMs(): number | undefined {
    return this.#groups.length === 0 ? undefined : Math.min(...this.#groups)
  }
}
