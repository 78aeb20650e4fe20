/** Where an alarm is raised and where it is cleared, and how long a value has to stay there. */
export interface ThresholdLimits {
  readonly side: 'above' | 'below'
  /** Beyond this value… */
  readonly raise: number
  /** …and not cleared before it is back on the right side of this one. */
  readonly clear: number
}

/** What an observation changed. */
export type ThresholdChange = 'raised' | 'cleared' | undefined

/** A value counts when this many samples in a row agree. */
const samplesInARow = 3

/**
 * A limit with hysteresis: a value that swings around it is told once and not with every sample.
 *
 * ```
 *   quiet ── beyond `raise` three times in a row ──► raised
 *     ▲                                                │
 *     └──────── within `clear` three times in a row ───┘
 * ```
 */
export class Threshold {
  #raised = false
  #streak = 0

  get raised(): boolean {
    return this.#raised
  }

  /** A value that is not known changes nothing. */
  observe(value: number | undefined, { side, raise, clear }: ThresholdLimits): ThresholdChange {
    if (value === undefined) return undefined
    const beyond = (limit: number): boolean => (side === 'above' ? value > limit : value < limit)
    const contrary = this.#raised ? !beyond(clear) : beyond(raise)
    this.#streak = contrary ? this.#streak + 1 : 0
    if (this.#streak < samplesInARow) return undefined
    this.#streak = 0
    this.#raised = !this.#raised
    return this.#raised ? 'raised' : 'cleared'
  }
}
