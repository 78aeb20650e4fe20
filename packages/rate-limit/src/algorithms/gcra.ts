import { admit, type Counter, type Decision, type Limit, type Run, type Usage } from './limit.js'

/**
 * How long one unit takes to come back. Rounded up to half a microsecond: every time that is computed
 * from it is then exact in floating point, here and in Lua, until the year 2112.
 */
export function intervalUs({ windowUs, max }: Limit): number {
  return Math.ceil((windowUs * 2) / max) / 2
}

/** No debt grows beyond so many bursts, whatever was charged and however the clock jumped. */
export const mostBurstsOfDebt = 2

/**
 * Counts one key by the generic cell rate algorithm (ITU-T I.371): one number says when everything will
 * be available again, the theoretical arrival time. A request moves it by its cost, and gets in when it
 * is then no further ahead than the burst.
 */
export class Gcra implements Counter {
  #arrivalUs = -Infinity

  take(nowUs: number, limit: Limit, runs: readonly Run[]): Decision {
    const unitUs = intervalUs(limit)
    const burstUs = limit.burst * unitUs
    // Kept, not only seen: a clock that was set back by a day would block for a day.
    this.#arrivalUs = Math.min(this.#arrivalUs, nowUs + mostBurstsOfDebt * burstUs)
    const debtUs = Math.max(this.#arrivalUs - nowUs, 0)
    const available = Math.floor((burstUs - debtUs) / unitUs)
    const { taken, runs: decided } = admit(
      available,
      runs,
      (cost, left) => debtUs + (available - left + cost) * unitUs - burstUs,
    )
    const owedUs = debtUs + taken * unitUs
    if (taken > 0) this.#arrivalUs = nowUs + owedUs
    return { available, resetUs: Math.ceil(owedUs), runs: decided }
  }
}

/**
 * The units, and the arrival time that they alone would have led to. Together with any arrival time in
 * Redis they give the one that would be there had Redis seen them.
 */
export class GcraUsage implements Usage {
  #units = 0
  #arrivalUs = 0

  get endsAtUs(): number {
    return this.#arrivalUs
  }

  add(nowUs: number, limit: Limit, cost: number): void {
    this.#units += cost
    this.#arrivalUs = Math.max(this.#arrivalUs, nowUs) + cost * intervalUs(limit)
  }

  toCharge(): readonly number[] {
    return [this.#units, this.#arrivalUs]
  }
}
