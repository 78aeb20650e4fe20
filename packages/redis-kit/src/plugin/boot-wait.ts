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
 * @returns Whether the link is up.
 */
export function bootWait(
  link: RedisLink,
  withinMs: number,
  hopeless: (state: LinkState) => boolean,
): Promise<boolean> {
  return new Promise((resolve) => {
    let left = parts
    const finish = (): void => {
      clearInterval(timer)
      stop()
      resolve(link.status === 'up')
    }
    const look = (): void => {
      if (link.status === 'up' || hopeless(link.state)) finish()
    }
    const timer = setInterval(() => {
      left -= 1
      if (left === 0) finish()
    }, withinMs / parts)
    const stop = link.onChange(look)
    look()
  })
}
