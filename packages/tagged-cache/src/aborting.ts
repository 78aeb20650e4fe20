/** Not by its class: there are signals that Node did not make. */
export function isSignal(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value
}

/** Why a call was given up, as an error. */
export function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason
  return reason instanceof Error ? reason : new DOMException('The call was aborted.', 'AbortError')
}

const reactionsOf = new WeakMap<AbortSignal, Set<() => void>>()

/**
 * Reacts to a signal once. Many calls may have the same one: it is listened to once for all of them, because
 * Node takes more than ten listeners for a leak.
 *
 * @returns Ends it.
 */
export function onAbort(signal: AbortSignal, react: () => void): () => void {
  const reactions = reactionsOf.get(signal) ?? listen(signal)
  reactions.add(react)
  return () => {
    reactions.delete(react)
  }
}

function listen(signal: AbortSignal): Set<() => void> {
  const reactions = new Set<() => void>()
  reactionsOf.set(signal, reactions)
  const reactAll = (): void => {
    for (const react of reactions) react()
  }
  signal.addEventListener('abort', reactAll, { once: true })
  return reactions
}

/** Settles with the work, or rejects when the signal gives it up; the work goes on. */
export function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work
  return new Promise((resolve, reject) => {
    const stop = onAbort(signal, () => {
      reject(abortReason(signal))
    })
    work.then(resolve, reject).finally(stop)
  })
}
