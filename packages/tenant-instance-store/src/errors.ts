import { createError, type FastifyError, type FastifyErrorConstructor } from '@fastify/error'
import type { Outcome } from '@stayfast/redis-kit'

type Cause = [options?: { cause: unknown }]
type Text = [text: string, options?: { cause: unknown }]

/** An option that does not exist or has a value it cannot have. Thrown at registration. */
export const InstanceOptionError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_INSTANCE_OPTION_INVALID',
  '%s',
  500,
)

/** The store was used before the app was ready: only then is it known where Redis is. */
export const StoreNotReadyError: FastifyErrorConstructor<{ code: string }, [decorator: string]> = createError<
  string,
  [decorator: string]
>(
  'STAY_INSTANCE_STORE_NOT_READY',
  'app.%s was used before the app was ready, when it is not known yet where Redis is. Use it in a request, or after await app.ready().',
  500,
)

/** The text cannot be the id of an instance. */
export const InstanceIdInvalidError: FastifyErrorConstructor<{ code: string }, Text> = createError<
  string,
  Text
>('STAY_INSTANCE_ID_INVALID', 'The instance id cannot be one: %s.', 400)

/** Redis (or memory, where there is no Redis) says that there is no such instance. */
export const InstanceNotFoundError: FastifyErrorConstructor<{ code: string }, Cause> = createError<
  string,
  Cause
>('STAY_INSTANCE_NOT_FOUND', 'Instance not found', 404)

/** What was given is no document of JSON values. Names the field, never its value. */
export const InstanceInvalidError: FastifyErrorConstructor<{ code: string }, Text> = createError<
  string,
  Text
>('STAY_INSTANCE_INVALID', 'The instance cannot be stored: %s.', 400)

/** The instance is larger than `maxBytes`. */
export const InstanceTooLargeError: FastifyErrorConstructor<{ code: string }, [number, number]> = createError<
  string,
  [number, number]
>(
  'STAY_INSTANCE_TOO_LARGE',
  'The instance would take %d bytes as JSON and may take %d: keep what is large elsewhere, or raise maxBytes.',
  413,
)

/** The `cursor` or `limit` given to `list` is none. */
export const PageInvalidError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_INSTANCE_PAGE_INVALID',
  'The instances cannot be listed: %s.',
  400,
)

/** The key of the instance holds something that this package did not write. */
export const InstanceCorruptError: FastifyErrorConstructor<{ code: string }, Text> = createError<
  string,
  Text
>(
  'STAY_INSTANCE_CORRUPT',
  'The key %s holds something else than an instance: find out who wrote it, then delete it or set keyPrefix.',
  500,
)

/** A value cannot be decrypted. */
export const InstanceDecryptError: FastifyErrorConstructor<{ code: string }, Text> = createError<
  string,
  Text
>(
  'STAY_INSTANCE_UNDECIPHERABLE',
  'The instance cannot be read: %s. Put the key that it was encrypted with behind the first one of encryptionKeys.',
  500,
)

/** The memory store is full; what it holds is kept. */
export const StoreFullError: FastifyErrorConstructor<{ code: string }, [number]> = createError<
  string,
  [number]
>(
  'STAY_INSTANCE_STORE_FULL',
  'The memory holds %d instances and takes no more: set REDIS_URL, or raise maxInstancesInMemory.',
  503,
)

/** What an error of Redis being away adds: the header is sent by Fastify's own error handler. */
export interface AwayError extends FastifyError {
  readonly canRetry: true
  readonly headers: { readonly 'retry-after': string }
}

const UnknownError: FastifyErrorConstructor<{ code: string }, Cause> = createError<string, Cause>(
  'STAY_INSTANCE_UNKNOWN',
  'It cannot be told now whether this instance exists, because Redis could not be asked. Try again in a moment.',
  503,
)

const NotWrittenError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_INSTANCE_NOT_WRITTEN',
  'The instance was not acknowledged by Redis: %s. Try again in a moment.',
  503,
)

function away(error: FastifyError, retryAfterSeconds: number): AwayError {
  return Object.assign(error, {
    canRetry: true as const,
    headers: { 'retry-after': String(retryAfterSeconds) },
  })
}

/** Whether the error says that Redis is away, so that another way may be taken. */
export function isAwayError(error: unknown): error is AwayError {
  return (
    error instanceof Error &&
    'code' in error &&
    (error.code === 'STAY_INSTANCE_UNKNOWN' || error.code === 'STAY_INSTANCE_NOT_WRITTEN')
  )
}

/** Redis could not be asked: whether there is such an instance is unknown. Code `STAY_INSTANCE_UNKNOWN`. */
export function instanceUnknown(cause: Error, retryAfterSeconds: number): AwayError {
  return away(new UnknownError({ cause }), retryAfterSeconds)
}

/** Redis did not acknowledge a write. Code `STAY_INSTANCE_NOT_WRITTEN`. */
export function instanceNotWritten(
  cause: Error,
  outcome: Outcome,
  retryAfterSeconds: number,
): AwayError & { readonly outcome: Outcome } {
  const what = outcome === 'unknown' ? 'it may have been written, or may still be' : 'nothing was written'
  return Object.assign(away(new NotWrittenError(what, { cause }), retryAfterSeconds), { outcome })
}
