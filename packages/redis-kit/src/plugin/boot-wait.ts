import type { LinkState } from '../link-state.js'
import type { RedisLink } from '../link.js'

/**
 * Waits until the link is up, but no longer than makes sense.
 *
 * @param hopeless - Whether a state is the end of waiting, such as a first attempt that failed.
 * @returns Whether the link is up.
 */
export function bootWait(
  link: RedisLink,
  withinMs: number,
  hopeless: (state: LinkState) => boolean,
): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer)
      stop()
      resolve(link.status === 'up')
    }
    const look = (): void => {
      if (link.status === 'up' || hopeless(link.state)) finish()
    }
    const timer = setTimeout(finish, withinMs)
    const stop = link.onChange(look)
    look()
  })
}
