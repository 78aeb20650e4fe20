import { performance } from 'node:perf_hooks'
import { LRUCache } from 'lru-cache'
import type { Limit } from './algorithms/limit.js'
import type { Ask, Verdict } from './verdict.js'

interface Denial {
  untilMs: number
  /** What was refused: whatever costs as much or more, under a limit that is no wider. */
  readonly cost: number
  readonly limit: Limit
  readonly remaining: number
  readonly by: Verdict['by']
  refusals: number
}

function covers(denial: Denial, { cost, limit }: Ask): boolean {
  return cost >= denial.cost && limit.max <= denial.limit.max && limit.burst <= denial.limit.burst
}

/**
 * Keys that were refused, until they may be admitted again: nobody has to be asked about them. That a
 * key has become free can only be learned too late by this, never too early.
 */
export class DeniedKeys {
  readonly #denials: LRUCache<string, Denial>

  constructor(maxKeys: number) {
    this.#denials = new LRUCache({ max: maxKeys })
  }

  /** The refusal that still holds, or undefined. */
  find(ask: Ask): Verdict | undefined {
    if (this.#denials.size === 0) return undefined
    const denial = this.#denials.get(ask.name)
    if (denial === undefined) return undefined
    const leftMs = denial.untilMs - performance.now()
    if (leftMs <= 0 || !covers(denial, ask)) return undefined
    denial.refusals += 1
    return {
      allowed: false,
      remaining: denial.remaining,
      resetMs: leftMs,
      retryMs: leftMs,
      refusals: denial.refusals,
      by: denial.by,
    }
  }

  /**
   * Keeps a refusal.
   *
   * @returns How often this process has refused the key in a row.
   */
  remember(ask: Ask, verdict: Verdict): number {
    const before = this.#denials.get(ask.name)
    const untilMs = performance.now() + verdict.retryMs
    const refusals = (before?.refusals ?? 0) + 1
    // Of two refusals the one that covers the other says more, as long as it holds.
    if (before !== undefined && before.untilMs > untilMs && covers(before, ask)) {
      before.refusals = refusals
      return refusals
    }
    const { remaining, by } = verdict
    this.#denials.set(ask.name, { untilMs, cost: ask.cost, limit: ask.limit, remaining, by, refusals })
    return refusals
  }

  /** A refusal that is kept holds for so long from now, if it did not hold longer. */
  extend(name: string, heldMs: number): void {
    const denial = this.#denials.get(name)
    if (denial !== undefined) denial.untilMs = Math.max(denial.untilMs, performance.now() + heldMs)
  }

  /** The key was admitted: it begins anew. */
  forget(ask: Ask): void {
    if (this.#denials.size > 0) this.#denials.delete(ask.name)
  }
}
