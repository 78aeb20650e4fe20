import { performance } from 'node:perf_hooks'
import type { LinkState } from '../link-state.js'
import type { RedisLink } from '../link.js'

/** The wait is counted in so many parts; one that ends late, because the event loop was blocked, counts as one. */
const parts = 8

/**
 * Waits until the link is up, but no longer than makes sense.
 *
 * An app that starts is busy loading its modules, on a small machine for longer than this wait: only time in
 * which the event loop could read what Redis answers is counted.
 *
 * @param withinMs - In milliseconds.
 * @param hopeless - Whether a state is the end of waiting, such as a first attempt that failed.
 * @param atMostMs - The wait ends after so long by the clock, whatever the event loop did.
 * @returns Whether the link is up.
 */
export function bootWait(
  link: RedisLink,
  withinMs: number,
  hopeless: (state: LinkState) => boolean,
  atMostMs: number = Infinity,
): Promise<boolean> {
  return new Promise((resolve) => {
    const endsMs = performance.now() + atMostMs
    let left = parts
    const finish = (): void => {
      clearTimeout(timer)
      stop()
      resolve(link.status === 'up')
    }
    const look = (): void => {
      if (link.status === 'up' || hopeless(link.state)) finish()
    }
    const waitPart = (): NodeJS.Timeout =>
      setTimeout(
        () => {
          left -= 1
          if (left === 0 || performance.now() >= endsMs) finish()
          else timer = waitPart()
        },
        Math.min(withinMs / parts, endsMs - performance.now()),
      )
    let timer = waitPart()
    const stop = link.onChange(look)
    look()
  })
}
