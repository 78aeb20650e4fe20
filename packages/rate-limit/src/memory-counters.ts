import type { MemoryLimitStore } from './stores/memory-limit-store.js'
import { admitted, refused, type Ask, type Counters, type Settle, type Verdict } from './verdict.js'

/** Decides in this process alone, at once. */
export class MemoryCounters implements Counters {
  readonly #store: MemoryLimitStore
  readonly #by: Verdict['by']

  constructor(store: MemoryLimitStore, by: Verdict['by'] = 'memory') {
    this.#store = store
    this.#by = by
  }

  decide(ask: Ask, settle: Settle): void {
    settle(undefined, this.decideNow(ask))
  }

  decideNow({ id, limit, cost }: Pick<Ask, 'id' | 'limit' | 'cost'>): Verdict {
    const { available, resetUs, runs } = this.#store.decideNow(id, limit, [{ cost, count: 1 }])
    const [run] = runs
    return run?.admitted === 1
      ? admitted(available - cost, resetUs, this.#by)
      : refused(available, run?.retryUs ?? 0, this.#by)
  }
}
