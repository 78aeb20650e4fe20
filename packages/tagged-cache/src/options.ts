import { checkOptions as checkAll, optionRule, type OptionRules, type RedisOption } from '@stayfast/redis-kit'
import { CacheOptionError } from './errors.js'

/** What `reply.expires` and the Cache-Control of all replies are made of; handed to \@fastify/caching. */
export interface CacheControlOptions {
  /** `'public'`, `'private'` or `'no-cache'`: the Cache-Control of replies that have none. */
  readonly privacy?: string
  /** Seconds: its max-age. */
  readonly expiresIn?: number
  /** Seconds: its s-maxage, with `'public'`. */
  readonly serverExpiresIn?: number
}

/** Options of the plugin. All have defaults. */
export interface TaggedCacheOptions {
  /**
   * Which Redis: a link, a client of the app, the name of an \@fastify/redis namespace, or `false` for
   * memory. Without it: `app.redisConnection`, then `app.redis`, then memory.
   */
  readonly redis?: RedisOption
  /** Use a client of the app itself instead of a duplicate of it. Saves a connection, weakens the promises. */
  readonly share?: boolean
  /** Name of the decorator on the app. */
  readonly decorateAs?: string
  /** Stands before each key, after the prefix of the connection, where there is one. */
  readonly keyPrefix?: string
  /** Seconds for which a value is fresh. By default REDIS_TTL_SECONDS, or a day. */
  readonly ttlSeconds?: number
  /** Seconds behind that for which a value is answered while it is loaded anew. */
  readonly staleWhileRevalidateSeconds?: number
  /** Seconds behind that for which a value covers for a loader that fails. */
  readonly staleIfErrorSeconds?: number
  /** Seconds for which "there is nothing" is remembered; 0 not at all. */
  readonly negativeTtlSeconds?: number
  /** Share of its fresh time after which a hit has the value loaded anew, beside the answer; 0 never. */
  readonly earlyRefresh?: number
  /** Share of the fresh time that is taken off at random, so that what was stored together does not expire together. */
  readonly jitter?: number
  /** Milliseconds after which a loader is given up. */
  readonly loaderTimeoutMs?: number
  /** Milliseconds after which an older value is answered in place of a slow loader; 0 never. */
  readonly loaderSoftTimeoutMs?: number
  /** One loader over all processes, by a lock in Redis. */
  readonly lock?: boolean
  /** Milliseconds for which the lock of a process that died holds others up. */
  readonly lockTtlMs?: number
  /** Milliseconds that a process waits for the loader of another one before it runs its own. */
  readonly lockWaitMs?: number
  /** Values that this process remembers. */
  readonly maxLocalEntries?: number
  /** Bytes that they may take, as text. */
  readonly maxLocalBytes?: number
  /** Bytes that one value may take as text; larger ones are answered and not stored. */
  readonly maxEntryBytes?: number
  /** `'frozen'`: all callers share one frozen value. `'copy'`: each gets a copy of its own, parsed each time. */
  readonly returns?: 'frozen' | 'copy'
  /** Seconds for which values in memory are answered while Redis is away. */
  readonly outageStaleSeconds?: number
  /** Invalidations that may wait for Redis; with more of them everything becomes a miss. */
  readonly maxBufferedInvalidations?: number
  /** Seconds that the end of the app may wait for them. */
  readonly flushSeconds?: number
  /** Seconds for which a process may answer from memory after its last beat. By default 2, or 30 where commands are billed. */
  readonly leaseSeconds?: number
  /** Have every process confirm an invalidation. By default unless commands are billed. */
  readonly confirm?: boolean
  /** Heed `config.cache` and `config.invalidates` of routes. By default the first cache of an app does. */
  readonly routes?: boolean
  /** What a route with `config.invalidates` does while Redis is away: go on, or answer 503 before its handler runs. */
  readonly onOutage?: 'buffer' | 'reject'
  /** Sent as Retry-After with that 503. */
  readonly retryAfterSeconds?: number
  /** Registers \@fastify/caching with it, where the app has not. */
  readonly cacheControl?: CacheControlOptions
}

type OptionWithoutDefault = 'redis' | 'leaseSeconds' | 'confirm' | 'routes' | 'cacheControl'

/** {@link TaggedCacheOptions} with the defaults filled in. */
export type CheckedOptions = Required<Omit<TaggedCacheOptions, OptionWithoutDefault>> &
  Pick<TaggedCacheOptions, OptionWithoutDefault>

/** What holds where an option is not given. */
export const defaultOptions: Readonly<Omit<CheckedOptions, OptionWithoutDefault>> = Object.freeze({
  share: false,
  decorateAs: 'taggedCache',
  keyPrefix: '',
  ttlSeconds: 86_400,
  staleWhileRevalidateSeconds: 0,
  staleIfErrorSeconds: 0,
  negativeTtlSeconds: 0,
  earlyRefresh: 0,
  jitter: 0.05,
  loaderTimeoutMs: 30_000,
  loaderSoftTimeoutMs: 0,
  lock: true,
  lockTtlMs: 5000,
  lockWaitMs: 30_000,
  maxLocalEntries: 10_000,
  maxLocalBytes: 67_108_864,
  maxEntryBytes: 1_048_576,
  returns: 'frozen',
  outageStaleSeconds: 30,
  maxBufferedInvalidations: 10_000,
  flushSeconds: 2,
  onOutage: 'buffer',
  retryAfterSeconds: 2,
} satisfies Omit<CheckedOptions, OptionWithoutDefault>)

const longestSeconds = 100 * 365 * 86_400
const secondsFromZero = optionRule.number(0, longestSeconds)
const longestMs = 2 ** 31 - 1

const rules: OptionRules<TaggedCacheOptions> = {
  redis: optionRule.redis,
  share: optionRule.yesOrNo,
  decorateAs: optionRule.name,
  keyPrefix: optionRule.text,
  ttlSeconds: optionRule.number(0.001, longestSeconds),
  staleWhileRevalidateSeconds: secondsFromZero,
  staleIfErrorSeconds: secondsFromZero,
  negativeTtlSeconds: secondsFromZero,
  earlyRefresh: optionRule.number(0, 1),
  jitter: optionRule.number(0, 1),
  loaderTimeoutMs: optionRule.wholeNumber(1, longestMs),
  loaderSoftTimeoutMs: optionRule.wholeNumber(0, longestMs),
  lock: optionRule.yesOrNo,
  lockTtlMs: optionRule.wholeNumber(100, longestMs),
  lockWaitMs: optionRule.wholeNumber(0, longestMs),
  maxLocalEntries: optionRule.entries,
  maxLocalBytes: optionRule.wholeNumber(1),
  maxEntryBytes: optionRule.wholeNumber(1),
  returns: optionRule.oneOf('frozen', 'copy'),
  outageStaleSeconds: secondsFromZero,
  maxBufferedInvalidations: optionRule.wholeNumber(1),
  flushSeconds: optionRule.number(0, 600),
  leaseSeconds: optionRule.number(0.1, 3600),
  confirm: optionRule.yesOrNo,
  routes: optionRule.yesOrNo,
  onOutage: optionRule.oneOf('buffer', 'reject'),
  retryAfterSeconds: optionRule.seconds,
  cacheControl: {
    wants: 'an object with privacy, expiresIn and serverExpiresIn',
    accepts: (value) => typeof value === 'object' && value !== null,
  },
}

/** The TTL that the environment names, where it names one. */
function ttlOfEnvironment(): number | undefined {
  const text = process.env['REDIS_TTL_SECONDS']
  if (text === undefined || text === '') return undefined
  const seconds = Number(text)
  if (rules.ttlSeconds.accepts(seconds)) return seconds
  throw new CacheOptionError(`REDIS_TTL_SECONDS takes ${rules.ttlSeconds.wants}; leave it out for a day.`)
}

/**
 * Fills in the defaults. An option that is `undefined` counts as not given.
 *
 * @throws STAY_CACHE_OPTION_INVALID for an option that does not exist or cannot have its value.
 */
export function checkOptions(options: TaggedCacheOptions): CheckedOptions {
  const refuse = (message: string): Error => new CacheOptionError(message)
  const given = checkAll('tagged-cache', options, rules, refuse)
  const ttlSeconds = given.ttlSeconds ?? ttlOfEnvironment() ?? defaultOptions.ttlSeconds
  return { ...defaultOptions, ...given, ttlSeconds }
}
