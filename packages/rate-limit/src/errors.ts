import { createError, type FastifyError, type FastifyErrorConstructor } from '@fastify/error'

type Cause = [options?: { cause: unknown }]
type Text = [text: string, options?: { cause: unknown }]

/** An option that does not exist or has a value it cannot have. Thrown at registration. */
export const RateLimitOptionError: FastifyErrorConstructor<{ code: string }, Text> = createError<
  string,
  Text
>('STAY_RATE_OPTION_INVALID', '%s', 500)

/** A function of the app gave a limit, a window or a cost that is none. */
export const RateLimitValueError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_RATE_VALUE_INVALID',
  'The request cannot be counted: %s.',
  500,
)

/** A limit was asked before the app was ready: only then is it known where Redis is. */
export const RateLimitNotReadyError: FastifyErrorConstructor<{ code: string }, []> = createError<string, []>(
  'STAY_RATE_NOT_READY',
  'A rate limit was asked before the app was ready, when it is not known yet where Redis is. Ask in a request, or after await app.ready().',
  500,
)

// A refusal comes from no place in the code that anybody looks for, and its stack would cost more than
// all the rest of answering it.
const withStack = false

/** What a refused client is told, and with which status. */
export interface RefusalKind {
  readonly code: string
  readonly statusCode: number
  /** When it may come again follows. */
  readonly text: string
}

/** More requests than the limit lets through. */
export const exceeded: RefusalKind = Object.freeze({
  code: 'STAY_RATE_EXCEEDED',
  statusCode: 429,
  text: 'Rate limit exceeded, retry in',
})

/** A client that was refused too often in a row. */
export const banned: RefusalKind = Object.freeze({
  code: 'STAY_RATE_BANNED',
  statusCode: 403,
  text: 'Rate limit exceeded too often, retry in',
})

function refusalError({ code, statusCode, text }: RefusalKind) {
  return createError<string, Text>(code, `${text} %s`, statusCode, Error, withStack)
}

const ExceededError: FastifyErrorConstructor<{ code: string }, Text> = refusalError(exceeded)

const BannedError: FastifyErrorConstructor<{ code: string }, Text> = refusalError(banned)

const UnavailableError: FastifyErrorConstructor<{ code: string }, Cause> = createError<string, Cause>(
  'STAY_RATE_UNAVAILABLE',
  'The request cannot be counted now, because Redis could not be asked. Try again in a moment.',
  503,
)

/** More requests than the limit lets through, or a client that was banned for that. */
export interface RateLimitError extends FastifyError {
  readonly canRetry: true
  /** The name of the policy that refused. */
  readonly policy: string
}

/** The error of a refusal. */
export function createRefusalError(kind: RefusalKind, policy: string, after: string): RateLimitError {
  const error = kind === banned ? new BannedError(after) : new ExceededError(after)
  return Object.assign(error, { canRetry: true as const, policy })
}

/** Redis could not be asked, and the policy says `onOutage: 'closed'`. Code `STAY_RATE_UNAVAILABLE`. */
export function rateLimitUnavailable(cause: unknown, retryAfterSeconds: number): FastifyError {
  return Object.assign(new UnavailableError({ cause }), {
    canRetry: true as const,
    headers: { 'retry-after': String(retryAfterSeconds) },
  })
}
