import { performance } from 'node:perf_hooks'

/** A timer that fires this much late shows that the event loop was blocked. */
const blockedLoopMs = 20
/** What an unblocked loop is given to flush its writes and read the answers that wait in the sockets. */
const graceMs = 150

/**
 * Calls `onMissed` once the deadline has passed, unless the returned function was called before.
 *
 * A blocked event loop is not a dead Redis: a timer that is due runs before the sockets are read,
 * so the answer may be lying there unread. `onMissed` is therefore called only after a turn of the
 * loop in which sockets were read, and after a grace period if the timer itself came late.
 */
export function startDeadline(deadlineMs: number, onMissed: () => void): () => void {
  const dueAt = performance.now() + deadlineMs
  let cancelled = false
  let immediate: NodeJS.Immediate | undefined

  function afterSocketsWereRead(): void {
    immediate = setImmediate(() => {
      immediate = setImmediate(onMissed)
    })
  }

  let timer = setTimeout(() => {
    if (performance.now() - dueAt > blockedLoopMs) timer = setTimeout(afterSocketsWereRead, graceMs)
    else afterSocketsWereRead()
  }, deadlineMs)

  return () => {
    if (cancelled) return
    cancelled = true
    clearTimeout(timer)
    if (immediate !== undefined) clearImmediate(immediate)
  }
}
