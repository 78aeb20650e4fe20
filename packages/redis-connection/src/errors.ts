import { createError, type FastifyError, type FastifyErrorConstructor } from '@fastify/error'

const codes = [
  'STAY_REDIS_CONFIG_UNKNOWN_OPTION',
  'STAY_REDIS_CONFIG_WRONG_TYPE',
  'STAY_REDIS_CONFIG_OUT_OF_RANGE',
  'STAY_REDIS_CONFIG_UNSAFE_OPTION',
  'STAY_REDIS_CONFIG_CONFLICT',
  'STAY_REDIS_CONFIG_INVALID_PORT',
  'STAY_REDIS_CONFIG_INVALID_DB',
  'STAY_REDIS_CONFIG_INVALID_HOST',
  'STAY_REDIS_CONFIG_INVALID_SWITCH',
  'STAY_REDIS_CONFIG_INVALID_URL',
  'STAY_REDIS_CONFIG_REST_URL',
  'STAY_REDIS_CONFIG_UNKNOWN_SCHEME',
  'STAY_REDIS_CONFIG_UNKNOWN_PARAMETER',
  'STAY_REDIS_CONFIG_NOT_ENCODED',
  'STAY_REDIS_CONFIG_INVALID_CA',
  'STAY_REDIS_CONFIG_INVALID_KEY_PREFIX',
  'STAY_REDIS_CONFIG_NO_NODES',
  'STAY_REDIS_CONFIG_NO_SENTINEL_NAME',
  'STAY_REDIS_CONFIG_NO_DEFAULT_SERVER',
  'STAY_REDIS_CONFIG_ONE_DATABASE',
  'STAY_REDIS_CONFIG_NOT_CONFIGURED',
] as const

/** Every code a configuration error can have. Codes are API, messages are not. */
export type RedisConfigErrorCode = (typeof codes)[number]

/** The same, for documentation and tests. */
export const redisConfigErrorCodes: readonly RedisConfigErrorCode[] = Object.freeze(codes)

type Sentences = [what: string, why: string, remedy: string, options?: { cause: unknown }]
type Constructor = FastifyErrorConstructor<{ code: RedisConfigErrorCode }, Sentences>

const constructorOf = new Map<RedisConfigErrorCode, Constructor>(
  codes.map((code) => [code, createError<RedisConfigErrorCode, Sentences>(code, '%s %s %s')]),
)

/** Thrown at registration, before any socket is opened. Never holds a URL, user, password or token. */
export interface RedisConfigError extends FastifyError {
  readonly code: RedisConfigErrorCode
  /** What to do about it. */
  readonly remedy: string
  /** A configuration does not mend itself: the same one fails the same way again. */
  readonly canRetry: false
}

/** The three sentences of an error, and what led to it. */
export interface RedisConfigErrorFacts {
  /** What happened, with the value unless it could hold a secret. */
  readonly what: string
  readonly why: string
  readonly remedy: string
  /** Only where its message holds no part of a URL or of credentials. */
  readonly cause?: unknown
}

/** Makes the error of a code, with its remedy attached. */
export function redisConfigError(code: RedisConfigErrorCode, facts: RedisConfigErrorFacts): RedisConfigError {
  const { what, why, remedy, cause } = facts
  const Constructor =
    constructorOf.get(code) ?? createError<RedisConfigErrorCode, Sentences>(code, '%s %s %s')
  const error =
    cause === undefined ? new Constructor(what, why, remedy) : new Constructor(what, why, remedy, { cause })
  return Object.assign(error, { remedy, canRetry: false as const })
}

/** Tells a configuration error from any other, by its code. */
export function isRedisConfigError(error: unknown): error is RedisConfigError {
  return error instanceof Error && 'code' in error && codes.some((code) => code === error.code)
}

/** Codes of errors at run time. */
export type RedisConnectionErrorCode =
  'STAY_REDIS_NOT_CONFIGURED' | 'STAY_REDIS_NOT_UP' | 'STAY_REDIS_REQUIRED'

/** Makes the error of a call that needs a Redis that is not there. */
export function redisConnectionError(
  code: RedisConnectionErrorCode,
  { what, why, remedy, cause }: RedisConfigErrorFacts,
): FastifyError {
  const Constructor = createError<RedisConnectionErrorCode, Sentences>(code, '%s %s %s', 503)
  const error =
    cause === undefined ? new Constructor(what, why, remedy) : new Constructor(what, why, remedy, { cause })
  return Object.assign(error, { remedy })
}
