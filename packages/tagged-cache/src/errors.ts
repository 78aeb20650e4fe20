import { createError, type FastifyErrorConstructor } from '@fastify/error'

type Text = [text: string, options?: { cause: unknown }]

/** An option that does not exist or has a value it cannot have. */
export const CacheOptionError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_CACHE_OPTION_INVALID',
  '%s',
  500,
)

/** The cache was used before the app was ready: only then is it known where Redis is. */
export const CacheNotReadyError: FastifyErrorConstructor<{ code: string }, [decorator: string]> = createError<
  string,
  [decorator: string]
>(
  'STAY_CACHE_NOT_READY',
  'app.%s was used before the app was ready, when it is not known yet where Redis is. Use it in a request, or after await app.ready().',
  500,
)

/** A key, a tag, a tenant or a namespace is no text, or empty. */
export const CacheKeyError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_CACHE_KEY_INVALID',
  '%s',
  500,
)

/** The value is no JSON. */
export const CacheValueError: FastifyErrorConstructor<{ code: string }, Text> = createError<string, Text>(
  'STAY_CACHE_VALUE_INVALID',
  'The value of %s cannot be cached, because it is no JSON: give what JSON can hold, or load it without the cache.',
  500,
)

/** The value is larger than `maxEntryBytes`. */
export const CacheTooLargeError: FastifyErrorConstructor<{ code: string }, [string, number, number]> =
  createError<string, [string, number, number]>(
    'STAY_CACHE_TOO_LARGE',
    'The value of %s takes %d bytes and may take %d: cache less of it, or raise maxEntryBytes.',
    500,
  )

/** The loader did not settle in time; its signal was aborted. */
export const LoaderTimeoutError: FastifyErrorConstructor<{ code: string }, [string, number]> = createError<
  string,
  [string, number]
>(
  'STAY_CACHE_LOADER_TIMEOUT',
  'The loader of %s did not answer within %d ms and was given up. Make it faster, or raise loaderTimeoutMs.',
  504,
)

/** A route that may only change data while its invalidation can be delivered was asked while Redis is away. */
export const InvalidationUnavailableError: FastifyErrorConstructor<{ code: string }, []> = createError<
  string,
  []
>(
  'STAY_CACHE_INVALIDATION_UNAVAILABLE',
  'Nothing was changed, because Redis is away and the other processes could not be told. Try again in a moment.',
  503,
)

/** The cache was closed while somebody waited for it. */
export const CacheClosedError: FastifyErrorConstructor<{ code: string }, []> = createError<string, []>(
  'STAY_CACHE_CLOSED',
  'The cache was closed with the app.',
  503,
)
