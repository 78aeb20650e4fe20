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

const ExceededError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_RATE_EXCEEDED',
  'Rate limit exceeded, retry in %s',
  429,
  Error,
  withStack,
)

const BannedError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_RATE_BANNED',
  'Rate limit exceeded too often, retry in %s',
  403,
  Error,
  withStack,
)

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

function refusal(error: FastifyError, policy: string): RateLimitError {
  return Object.assign(error, { canRetry: true as const, policy })
}

/** Code `STAY_RATE_EXCEEDED`, or `STAY_RATE_BANNED`. */
export function rateLimitExceeded(policy: string, after: string, banned: boolean): RateLimitError {
  return refusal(banned ? new BannedError(after) : new ExceededError(after), policy)
}

/** Redis could not be asked, and the policy says `onOutage: 'closed'`. Code `STAY_RATE_UNAVAILABLE`. */
export function rateLimitUnavailable(cause: unknown, retryAfterSeconds: number): FastifyError {
  return Object.assign(new UnavailableError({ cause }), {
    canRetry: true as const,
    headers: { 'retry-after': String(retryAfterSeconds) },
  })
}
