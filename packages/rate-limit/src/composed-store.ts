import type { Algorithm, Limit } from './algorithms/limit.js'
import { RateLimitValueError } from './errors.js'
import type { Limiter } from './limiter.js'
import type { PolicyOptions } from './policy-options.js'
import { countsBy, remembered } from './stores/limit-store.js'
import { windowMs } from './time-window.js'
import type { Ask, OnOutage } from './verdict.js'

/** What \@fastify/rate-limit asks of a store, and what it wants to hear. */
type Answer = (error: Error | null, result?: { current: number; ttl: number }) => void

/** What of a limiter's options matters to its counter. */
interface CounterOptions {
  readonly name: string
  readonly algorithm: Algorithm
  readonly burst: number | undefined
  readonly onOutage: OnOutage
}

/** What {@link createComposedStore} makes stores of. */
export interface ComposedStoreOptions {
  readonly limiter: () => Limiter
  readonly root: CounterOptions
}

/** As \@fastify/rate-limit has them: a class, made with the global options, and a child for other ones. */
export interface ComposedStore {
  incr(key: string, answer: Answer, timeWindow: number, max: number): void
  read(key: string, answer: Answer, timeWindow: number, max: number): void
  child(options: object): ComposedStore
}

/**
 * A store for \@fastify/rate-limit whose counters are those of this plugin. It tells "current" and "ttl":
 * `max + 1` and more is a refusal.
 */
export function createComposedStore({ limiter, root }: ComposedStoreOptions): new () => ComposedStore {
  let children = 0

  class Store implements ComposedStore {
    readonly #options: CounterOptions

    constructor(_globalParams?: object, options: CounterOptions = root) {
      this.#options = options
    }

    incr(key: string, answer: Answer, timeWindow: number, max: number): void {
      this.#count(key, answer, timeWindow, max, 1)
    }

    read(key: string, answer: Answer, timeWindow: number, max: number): void {
      this.#count(key, answer, timeWindow, max, 0)
    }

    /** Two limiters without a name are two limiters, in the order in which the app makes them. */
    child(given: PolicyOptions): ComposedStore {
      children += 1
      const { name = given.groupId ?? `limiter-${children}`, algorithm = root.algorithm, burst } = given
      const onOutage = given.skipOnError === true ? 'open' : (given.onOutage ?? root.onOutage)
      return new Store({}, { name, algorithm, burst, onOutage })
    }

    #count(key: string, answer: Answer, timeWindow: number, max: number, cost: number): void {
      const { name, algorithm, burst, onOutage } = this.#options
      if (!Number.isSafeInteger(max) || max < 0 || windowMs(timeWindow) === undefined) {
        answer(new RateLimitValueError(`the max or the timeWindow of the limit "${name}" came out as none`))
        return
      }
      const limit: Limit = {
        algorithm,
        max,
        windowUs: Math.max(1, Math.ceil(timeWindow)) * 1000,
        burst: burst ?? max,
      }
      const ask: Ask = {
        id: { policy: name, key },
        name: `${countsBy(limit)}:${name.length}:${name}:${remembered(key)}`,
        limit,
        cost,
        onOutage,
        penalty: 'none',
      }
      limiter().decide(ask, (error, verdict) => {
        if (verdict === undefined) answer(error ?? new Error('There is no verdict.'))
        else if (verdict.allowed) {
          const current = verdict.by === 'nobody' ? 0 : max - verdict.remaining
          answer(null, { current, ttl: Math.ceil(verdict.resetMs) })
        } else answer(null, { current: max + verdict.refusals, ttl: Math.ceil(verdict.retryMs) })
      })
    }
  }

  return Store
}
