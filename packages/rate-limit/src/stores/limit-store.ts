import { createHash } from 'node:crypto'
import type { Decision, Limit, Run } from '../algorithms/limit.js'

/** Which counter is meant: the same policy and key in every process. */
export interface CounterId {
  readonly policy: string
  readonly key: string
}

/** Where counters are kept. Memory and Redis pass one contract. */
export interface LimitStore {
  /**
   * Decides requests to one counter, in the order of the runs, in one step.
   *
   * @param limit - Its capacity is at least the cost of each run. Windows of different length are
   *   different counters; `max` and `burst` may be others from call to call.
   */
  decide(id: CounterId, limit: Limit, runs: readonly Run[]): Promise<Decision>
}

/** A client that chooses its key must not choose how much of this process's memory it takes. */
const longestRemembered = 256

/** What stands for a key in the memory of this process. */
export function remembered(key: string): string {
  if (key.length <= longestRemembered) return key
  // As UTF-16, in which no two texts are the same; and longer than any key that stands for itself.
  const digest = createHash('sha256').update(Buffer.from(key, 'utf16le')).digest('base64url')
  return digest.padEnd(longestRemembered + 1, '~')
}

/** Tells counters of one policy and key apart where the way they count differs. */
export function countsBy({ algorithm, windowUs }: Limit): string {
  return `${algorithm.charAt(0)}${windowUs / 1000}`
}
