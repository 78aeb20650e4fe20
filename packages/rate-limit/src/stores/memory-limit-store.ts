import { LRUCache } from 'lru-cache'
import { newCounter } from '../algorithms/counters.js'
import type { Counter, Decision, Limit, Run } from '../algorithms/limit.js'
import { countsBy, remembered, type CounterId, type LimitStore } from './limit-store.js'

/** Counters in the memory of this process. */
export class MemoryLimitStore implements LimitStore {
  readonly #counters: LRUCache<string, Counter>
  readonly #nowUs: () => number

  /** @param maxCounters - Beyond it the key that was longest quiet is forgotten. */
  constructor(maxCounters: number, nowUs: () => number) {
    this.#counters = new LRUCache({ max: maxCounters })
    this.#nowUs = nowUs
  }

  decide(id: CounterId, limit: Limit, runs: readonly Run[]): Promise<Decision> {
    return Promise.resolve(this.decideNow(id, limit, runs))
  }

  /** The same without a promise. */
  decideNow({ policy, key }: CounterId, limit: Limit, runs: readonly Run[]): Decision {
    const name = `${countsBy(limit)}:${policy.length}:${policy}:${remembered(key)}`
    let counter = this.#counters.get(name)
    if (counter === undefined) {
      counter = newCounter(limit.algorithm)
      this.#counters.set(name, counter)
    }
    return counter.take(this.#nowUs(), limit, runs)
  }
}
