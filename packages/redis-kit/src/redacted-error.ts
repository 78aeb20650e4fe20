const DEEPEST = 8

/**
 * Takes the command out of an error, and out of everything that it wraps.
 *
 * ioredis hangs the command with all its arguments on every error that Redis answers: after a wrong password
 * that is `HELLO 3 AUTH <user> <password>`, and loggers print it. Nothing else of the error changes.
 *
 * @returns the same error, so that `cause` and `instanceof` go on working
 */
export function redactError<Thrown>(error: Thrown): Thrown {
  redact(error, 0)
  return error
}

function redact(error: unknown, depth: number): void {
  if (typeof error !== 'object' || error === null || depth > DEEPEST) return
  Reflect.deleteProperty(error, 'command')
  for (const name of ['cause', 'lastNodeError', 'errors', 'previousErrors']) {
    const wrapped: unknown = Reflect.get(error, name)
    for (const inner of Array.isArray(wrapped) ? wrapped : [wrapped]) redact(inner, depth + 1)
  }
}
