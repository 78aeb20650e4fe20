import { FixedWindow, FixedWindowUsage } from './fixed-window.js'
import { Gcra, GcraUsage } from './gcra.js'
import type { Algorithm, Counter, Usage } from './limit.js'
import { SlidingWindow, SlidingWindowUsage } from './sliding-window.js'

const counters: Readonly<Record<Algorithm, new () => Counter>> = {
  'sliding-window': SlidingWindow,
  gcra: Gcra,
  'fixed-window': FixedWindow,
}

const usages: Readonly<Record<Algorithm, new () => Usage>> = {
  'sliding-window': SlidingWindowUsage,
  gcra: GcraUsage,
  'fixed-window': FixedWindowUsage,
}

/** A counter that has seen nothing yet. */
export function newCounter(algorithm: Algorithm): Counter {
  return new counters[algorithm]()
}

/** The usage of a key of which nothing was admitted yet. */
export function newUsage(algorithm: Algorithm): Usage {
  return new usages[algorithm]()
}
