/**
 * How requests are counted.
 *
 * - `'sliding-window'`: never more than `max` in any window of that length.
 * - `'gcra'`: a steady rate of `max` per window and a `burst` on top; never more than
 *   `burst + t × max / window` in any time t.
 * - `'fixed-window'`: calendar windows that begin at multiples of their length since 1970 (UTC); up to
 *   twice `max` around the edge of two.
 */
export type Algorithm = 'sliding-window' | 'gcra' | 'fixed-window'

/** A limit in which nothing is left to be found out. */
export interface Limit {
  readonly algorithm: Algorithm
  /** Units per window. */
  readonly max: number
  readonly windowUs: number
  /** Units that may come at once; counts for GCRA alone. */
  readonly burst: number
}

/** Equal requests that arrived one right behind the other. */
export interface Run {
  /** Units that each of them takes. */
  readonly cost: number
  readonly count: number
}

/** What became of a run: those that came first were admitted. */
export interface RunDecision {
  readonly admitted: number
  /** The others may be admitted after this time; 0 when there are none. */
  readonly retryUs: number
}

/** What became of requests that were decided together. */
export interface Decision {
  /** Units that were there before; below zero when usage was charged afterwards. */
  readonly available: number
  /** After this time without a request everything is available again. */
  readonly resetUs: number
  readonly runs: readonly RunDecision[]
}

/** What one key has used, in the memory of this process. */
export interface Counter {
  /** Decides in the order of arrival. Time that goes back counts as standing still. */
  take(nowUs: number, limit: Limit, runs: readonly Run[]): Decision
}

/**
 * What a process admitted by itself while Redis was away: just what the script that charges it to Redis
 * has to know.
 */
export interface Usage {
  add(nowUs: number, limit: Limit, cost: number): void
  /** Numbers for the script of the algorithm. */
  toCharge(): readonly number[]
  /** From then on it counts for nothing. */
  readonly endsAtUs: number
}

/** Units that can be there at most. A request that costs more never gets in. */
export function capacity({ algorithm, max, burst }: Limit): number {
  return algorithm === 'gcra' && max > 0 ? burst : max
}

/**
 * Admits from the front of each run as long as units are left.
 *
 * @param retryUs - When a request that takes so much more than is left may be admitted.
 */
export function admit(
  available: number,
  runs: readonly Run[],
  retryUs: (cost: number, left: number) => number,
): { readonly taken: number; readonly runs: RunDecision[] } {
  let left = available
  const admittedBy = runs.map(({ cost, count }) => {
    const admitted = cost === 0 ? count : Math.min(count, Math.max(0, Math.floor(left / cost)))
    left -= admitted * cost
    return admitted
  })
  return {
    taken: available - left,
    runs: runs.map(({ cost, count }, index) => {
      const admitted = admittedBy[index] ?? 0
      return { admitted, retryUs: admitted < count ? Math.ceil(retryUs(cost, left)) : 0 }
    }),
  }
}
