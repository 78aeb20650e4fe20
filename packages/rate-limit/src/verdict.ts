import type { Limit } from './algorithms/limit.js'
import type { CounterId } from './stores/limit-store.js'

/** What a policy does while Redis cannot be asked. */
export type OnOutage = 'local' | 'open' | 'closed'

/**
 * What a refusal does to a client that goes on asking: nothing; the whole window begins again
 * (`'continue'`); it begins again and doubles each time (`'backoff'`).
 */
export type Penalty = 'none' | 'continue' | 'backoff'

/** One request to one counter. */
export interface Ask {
  readonly id: CounterId
  /** Names the counter within this process: the same for the same id and way of counting. */
  readonly name: string
  readonly limit: Limit
  readonly cost: number
  readonly onOutage: OnOutage
  /** What a refusal does to a client that goes on asking. */
  readonly penalty: Penalty
}

/** What became of it. */
export interface Verdict {
  readonly allowed: boolean
  /** Units that are left. */
  readonly remaining: number
  /** Milliseconds without a request after which everything is available again. */
  readonly resetMs: number
  /** Milliseconds until such a request may be admitted; 0 when it was. */
  readonly retryMs: number
  /** How often this process has refused the key in a row; 0 when it was admitted. */
  readonly refusals: number
  /**
   * Who decided: Redis; the memory of this process, where there is no Redis (`'memory'`) or while it is
   * away (`'local'`); or nobody (`onOutage: 'open'`).
   */
  readonly by: 'redis' | 'memory' | 'local' | 'nobody'
}

/** Called once with the verdict, or with why there is none. */
export type Settle = (error: Error | undefined, verdict: Verdict | undefined) => void

/** Decides one request after the other. */
export interface Counters {
  decide(ask: Ask, settle: Settle): void
}

const usPerMs = 1000

/** The verdict on a request that was admitted. */
export function admitted(remaining: number, resetUs: number, by: Verdict['by']): Verdict {
  return {
    allowed: true,
    remaining: Math.max(0, remaining),
    resetMs: resetUs / usPerMs,
    retryMs: 0,
    refusals: 0,
    by,
  }
}

/** The verdict on a request that was refused. */
export function refused(remaining: number, retryUs: number, by: Verdict['by']): Verdict {
  const retryMs = retryUs / usPerMs
  return { allowed: false, remaining: Math.max(0, remaining), resetMs: retryMs, retryMs, refusals: 1, by }
}

/** The verdict of nobody. */
export const notCounted: Verdict = Object.freeze({
  allowed: true,
  remaining: 0,
  resetMs: 0,
  retryMs: 0,
  refusals: 0,
  by: 'nobody',
})
