import { HandlerTimeoutError } from './errors.js'
import type { AnyHandler } from './handlers.js'
import type { WebhookEvent } from './webhook-event.js'

/**
 * Runs a handler, and waits for it no longer than makes sense: one that neither ends nor heeds its signal
 * would hold its place for ever.
 *
 * @throws what the handler throws, the reason of `signal`, or STAY_WEBHOOK_HANDLER_TIMEOUT.
 */
export function runHandler(
  handler: AnyHandler,
  event: WebhookEvent,
  { signal, timeoutMs }: { readonly signal: AbortSignal; readonly timeoutMs: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const run = new AbortController()
    const settle = (error?: unknown): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', interrupt)
      if (error === undefined) resolve()
      else reject(error instanceof Error ? error : new Error('The handler threw no error.', { cause: error }))
    }
    const giveUp = (reason: unknown): void => {
      settle(reason)
      run.abort(reason)
    }
    const interrupt = (): void => {
      giveUp(signal.reason)
    }
    const timer = setTimeout(() => {
      giveUp(new HandlerTimeoutError(timeoutMs))
    }, timeoutMs)
    signal.addEventListener('abort', interrupt)
    if (signal.aborted) interrupt()
    const started = Promise.resolve().then(() => handler.handle(event, { signal: run.signal }))
    started.then(
      () => {
        settle()
      },
      (error: unknown) => {
        settle(error ?? new Error('The handler rejected without a reason.'))
      },
    )
  })
}
