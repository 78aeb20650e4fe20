import { startStopwatch } from './stopwatch.js'

/** Whatever has a status and tells when it changes; a link of redis-kit fits. */
export interface WatchedStatus<Status extends string> {
  readonly status: Status
  onChange(listener: () => void): () => void
}

/** Resolves when the link has, or gets, that status; rejects after `withinMs`. */
export function reaches<Status extends string>(
  link: WatchedStatus<Status>,
  status: NoInfer<Status>,
  withinMs = 5000,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const elapsedMs = startStopwatch()
    const look = (): void => {
      const leftMs = withinMs - elapsedMs()
      if (leftMs > 0) {
        timer = setTimeout(look, leftMs)
        return
      }
      stop()
      reject(new Error(`The link is ${link.status} and not ${status} after ${withinMs} ms.`))
    }
    let timer = setTimeout(look, withinMs)
    const settle = (): void => {
      if (link.status !== status) return
      clearTimeout(timer)
      stop()
      resolve()
    }
    const stop = link.onChange(settle)
    settle()
  })
}
