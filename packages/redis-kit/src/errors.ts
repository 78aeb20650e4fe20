import type { LinkStatus } from './link-state.js'

/**
 * Whether the work can have had an effect: `'not-sent'` never reached Redis; `'unknown'` may have
 * run, or may still run later (a command that timed out is executed when a frozen server thaws).
 */
export type Outcome = 'not-sent' | 'unknown'

/** Why a Redis that answers refused the work. */
export type RefusalReason =
  | 'out-of-memory'
  | 'read-only'
  | 'loading'
  | 'cluster-down'
  | 'no-replicas'
  | 'not-persisting'
  | 'busy'
  | 'quota'
  | 'no-permission'

/**
 * Redis could not be asked, or did not answer in time. Trying again later makes sense.
 * Code `STAY_REDIS_UNAVAILABLE`.
 */
export class RedisUnavailableError extends Error {
  override readonly name = 'RedisUnavailableError'
  readonly code = 'STAY_REDIS_UNAVAILABLE'
  readonly statusCode = 503
  readonly canRetry = true
  readonly outcome: Outcome
  readonly status: LinkStatus

  constructor(message: string, details: { outcome: Outcome; status: LinkStatus; cause?: unknown }) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.outcome = details.outcome
    this.status = details.status
  }
}

/**
 * Redis answered and refused: it is full, read-only, loading, over its quota… The command itself had
 * no effect. Trying again makes sense once the reason is gone. Code `STAY_REDIS_REFUSED`.
 */
export class RedisRefusedError extends Error {
  override readonly name = 'RedisRefusedError'
  readonly code = 'STAY_REDIS_REFUSED'
  readonly statusCode = 503
  readonly canRetry = true
  readonly reason: RefusalReason

  constructor(message: string, details: { reason: RefusalReason; cause: unknown }) {
    super(message, { cause: details.cause })
    this.reason = details.reason
  }
}

/**
 * Redis answered that the command makes no sense to it (a wrong type, keys of several slots, a
 * broken script): a programming error, which no retry mends. Code `STAY_REDIS_MISUSE`.
 */
export class RedisMisuseError extends Error {
  override readonly name = 'RedisMisuseError'
  readonly code = 'STAY_REDIS_MISUSE'
  readonly statusCode = 500
  readonly canRetry = false

  constructor(message: string, details: { cause: unknown }) {
    super(message, { cause: details.cause })
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}

/** Recognises {@link RedisUnavailableError} by its code, whichever copy of this package threw it. */
export function isRedisUnavailable(error: unknown): error is RedisUnavailableError {
  return hasCode(error, 'STAY_REDIS_UNAVAILABLE')
}

/** Recognises {@link RedisRefusedError} by its code, whichever copy of this package threw it. */
export function isRedisRefused(error: unknown): error is RedisRefusedError {
  return hasCode(error, 'STAY_REDIS_REFUSED')
}
