import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'

export interface EventuallyOptions {
  /** Give up after this long; default 5000. */
  withinMs?: number
  /** Pause between two checks; default 10. */
  everyMs?: number
}

const defaults = Object.freeze({ withinMs: 5000, everyMs: 10 } satisfies Required<EventuallyOptions>)

/**
 * Repeats a check until it passes and returns what it returned. A check passes when it neither throws nor
 * returns something falsy; one that returns nothing at all (a function of assertions) passes by not throwing.
 *
 * @throws an Error that names the time spent, with the check's last error as its `cause`
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  options: EventuallyOptions = {},
): Promise<T> {
  const { withinMs, everyMs } = { ...defaults, ...options }
  const startedAt = performance.now()
  let lastError: unknown
  for (;;) {
    const remainingMs = withinMs - (performance.now() - startedAt)
    if (remainingMs <= 0) break
    try {
      const result = await within(remainingMs, check)
      if (result === undefined || result) return result
      lastError = new Error(`the check returned ${String(result)}`)
    } catch (error) {
      lastError = error
    }
    await delay(everyMs)
  }
  const elapsedMs = Math.round(performance.now() - startedAt)
  const reason = lastError instanceof Error ? lastError.message : String(lastError)
  throw new Error(`Not so after ${elapsedMs} ms: ${reason}`, { cause: lastError })
}

async function within<T>(limitMs: number, check: () => T | Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const expired = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the check itself did not settle')), limitMs)
  })
  try {
    return await Promise.race([check(), expired])
  } finally {
    clearTimeout(timer)
  }
}
