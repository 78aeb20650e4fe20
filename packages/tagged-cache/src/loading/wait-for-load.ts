import { performance } from 'node:perf_hooks'
import { abortReason, onAbort } from '../aborting.js'
import type { CacheCall } from '../cache-call.js'
import type { CacheEntry } from '../cache-entry.js'
import type { Lookups } from '../lookup/lookups.js'
import type { Load, LoadOutcome } from './load.js'

/**
 * Waits for a load as long as the call wants to.
 *
 * @param fallback - Answered in place of a slow load, while it may be.
 * @throws What the load throws; why the call gave up.
 */
export function waitForLoad(
  load: Load,
  { signal, loaderSoftTimeoutMs }: CacheCall,
  fallback: CacheEntry | undefined,
  lookups: Lookups,
): Promise<LoadOutcome | 'soft-timeout'> {
  load.waiting += 1
  const soft = loaderSoftTimeoutMs > 0 && fallback !== undefined && performance.now() < fallback.errorUntilMs
  if (signal === undefined && !soft) return load.promise
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      const reason = abortReason(signal)
      load.leave(reason)
      end()
      reject(reason)
    }
    const timer = soft
      ? setTimeout(() => {
          if (lookups.mayServe(fallback)) {
            end()
            resolve('soft-timeout')
          }
        }, loaderSoftTimeoutMs)
      : undefined
    const end = (): void => {
      clearTimeout(timer)
      stopListening?.()
    }
    const stopListening = signal === undefined ? undefined : onAbort(signal, leave)
    load.promise.then(resolve, reject).finally(end)
    // Between its look at Redis and this load: a signal tells it once.
    if (signal?.aborted === true) leave()
  })
}
