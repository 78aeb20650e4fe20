import { createError, type FastifyError, type FastifyErrorConstructor } from '@fastify/error'

type Cause = [options?: { cause: unknown }]
type Text = [text: string, options?: { cause: unknown }]

/** An option that does not exist or has a value it cannot have. Thrown at registration. */
export const WebhookOptionError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_WEBHOOK_OPTION_INVALID',
  '%s',
  500,
)

/** The queue was used before the app was ready: only then is it known where Redis is. */
export const WebhooksNotReadyError: FastifyErrorConstructor<{ code: string }, [decorator: string]> =
  createError<string, [decorator: string]>(
    'STAY_WEBHOOK_NOT_READY',
    'app.%s was used before the app was ready, when it is not known yet where Redis is. Use it in a request, or after await app.ready().',
    500,
  )

/** Nobody configured a provider of that name. */
export const ProviderUnknownError: FastifyErrorConstructor<{ code: string }, []> = createError<string, []>(
  'STAY_WEBHOOK_PROVIDER_UNKNOWN',
  'Webhooks of this provider are not taken here',
  404,
)

/** The signature is missing, wrong or too old. Which of these it is, only the log says. */
export const SignatureError: FastifyErrorConstructor<{ code: string }, []> = createError<string, []>(
  'STAY_WEBHOOK_UNSIGNED',
  'Unauthorized',
  401,
)

/** The signature is right, and what was signed cannot be an event: no JSON, no id, no topic. */
export const EventUnreadableError: FastifyErrorConstructor<{ code: string }, Text> = createError<
  string,
  Text
>('STAY_WEBHOOK_UNREADABLE', 'The webhook was signed and cannot be read: %s.', 400)

/** A provider of the app gave a verdict that is none. */
export const ProviderInvalidError: FastifyErrorConstructor<{ code: string }, Text> = createError<
  string,
  Text
>(
  'STAY_WEBHOOK_PROVIDER_INVALID',
  "The provider \"%s\" gave no verdict: verify returns { kind: 'unsigned' or 'unreadable', reason }, or { kind: 'verified', event } whose id, topic, tenantId, body and fingerprint are texts.",
  500,
)

/** An event of this id was accepted before, with another content. */
export const EventConflictError: FastifyErrorConstructor<{ code: string }, []> = createError<string, []>(
  'STAY_WEBHOOK_CONFLICT',
  'An event of this id was accepted before, with another content. Send another event under an id of its own.',
  422,
)

/** A handler did not end in time. It was told so by its signal, and the event is tried again. */
export const HandlerTimeoutError: FastifyErrorConstructor<{ code: string }, [number]> = createError<
  string,
  [number]
>('STAY_WEBHOOK_HANDLER_TIMEOUT', 'The handler took longer than handlerTimeoutMs (%d).', 500)

/** Nobody handles events of that kind: the event was set aside. */
export const HandlerMissingError: FastifyErrorConstructor<{ code: string }, [string, string]> = createError<
  string,
  [string, string]
>(
  'STAY_WEBHOOK_HANDLER_MISSING',
  "There is no handler: add app.webhooks.on('%s', '%s', …) and replay the event.",
  500,
)

/** Why the signal of a handler was aborted although it had time left: the event goes to another worker. */
export const HandlerInterruptedError: FastifyErrorConstructor<{ code: string }, Text> = createError<
  string,
  Text
>('STAY_WEBHOOK_HANDLER_INTERRUPTED', 'The handler was interrupted: %s.', 500)

/** The cursor or limit of a listing is none. */
export const WebhookPageError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_WEBHOOK_PAGE_INVALID',
  'The dead letters cannot be listed: %s.',
  400,
)

/** What each 503 adds: the header is sent by Fastify's own error handler. */
export interface TryAgainError extends FastifyError {
  readonly canRetry: true
  readonly headers: { readonly 'retry-after': string }
}

/** Whether the sender is told to try again: 503 with Retry-After. */
export function isTryAgain(error: unknown): error is TryAgainError {
  return (
    error instanceof Error &&
    'code' in error &&
    ['STAY_WEBHOOK_BUSY', 'STAY_WEBHOOK_UNAVAILABLE', 'STAY_WEBHOOK_QUEUE_FULL'].includes(String(error.code))
  )
}

const BusyError: FastifyErrorConstructor<{ code: string }, []> = createError<string, []>(
  'STAY_WEBHOOK_BUSY',
  'The same event is being accepted by somebody else right now. Send it again in a moment.',
  503,
)

const UnavailableError: FastifyErrorConstructor<{ code: string }, Cause> = createError<string, Cause>(
  'STAY_WEBHOOK_UNAVAILABLE',
  'The event could not be put into the queue, because Redis did not take it, or the app is starting or closing. Send it again in a moment.',
  503,
)

const QueueFullError: FastifyErrorConstructor<{ code: string }, [number]> = createError<string, [number]>(
  'STAY_WEBHOOK_QUEUE_FULL',
  'The memory holds %d events and takes no more: set REDIS_URL, or raise maxInMemory. Send it again in a moment.',
  503,
)

function tryAgain(error: FastifyError, retryAfterSeconds: number): TryAgainError {
  return Object.assign(error, {
    canRetry: true as const,
    headers: { 'retry-after': String(Math.max(1, Math.ceil(retryAfterSeconds))) },
  })
}

/** Another process is accepting the same event. Code `STAY_WEBHOOK_BUSY`. */
export function eventBusy(retryAfterSeconds: number): TryAgainError {
  return tryAgain(new BusyError(), retryAfterSeconds)
}

/** Redis is away or refused, and may yet have taken the event; or the app is starting or closing. Code `STAY_WEBHOOK_UNAVAILABLE`. */
export function webhooksUnavailable(cause: unknown, retryAfterSeconds: number): TryAgainError {
  return tryAgain(
    cause === undefined ? new UnavailableError() : new UnavailableError({ cause }),
    retryAfterSeconds,
  )
}

/** The in-process queue is full; what it holds is kept. Code `STAY_WEBHOOK_QUEUE_FULL`. */
export function queueFull(holds: number, retryAfterSeconds: number): TryAgainError {
  return tryAgain(new QueueFullError(holds), retryAfterSeconds)
}
