import { checkOptions, optionRule, type OptionRule, type OptionRules } from '@stayfast/redis-kit'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { CacheOptionError } from '../errors.js'

/** Tags as a route names them. */
export type RouteTags<Context extends unknown[]> =
  readonly string[] | ((...context: Context) => readonly string[])

/** `config.cache` of a GET route: its replies are cached. */
export interface RouteCacheConfig {
  /** Seconds for which a reply is fresh; the cache's own by default. */
  readonly ttlSeconds?: number
  readonly staleWhileRevalidateSeconds?: number
  /** Seconds behind that for which a reply covers for a handler that answers 5xx. */
  readonly staleIfErrorSeconds?: number
  /** What the reply depends on. */
  readonly tags?: RouteTags<[request: FastifyRequest]>
  /**
   * The app's own key, in place of one made of the route, its parameters and its query: says all that the
   * reply depends on, the user included where it does.
   */
  readonly key?: (request: FastifyRequest) => string
  /**
   * What else the reply depends on, such as the signed-in user; goes into the key. Without it (and
   * without `key`) a request with Authorization or Cookie is not cached at all.
   */
  readonly varyBy?: (request: FastifyRequest) => unknown
  /** Request headers that the reply depends on, such as `accept-language`; go into the key. */
  readonly varyHeaders?: readonly string[]
  /** Query parameters that matter; by default all do. */
  readonly query?: readonly string[]
  /** The tenant whose cache it is: keys and tags stay inside. */
  readonly tenant?: (request: FastifyRequest) => string
  /** Response headers that are stored beside the usual ones. */
  readonly headers?: readonly string[]
  /** Statuses that are stored; 200 by default. */
  readonly statusCodes?: readonly number[]
  readonly consistency?: 'local' | 'strong'
}

/** `config.invalidates` of a route, in full. */
export interface RouteInvalidation {
  readonly tags: RouteTags<[request: FastifyRequest, reply: FastifyReply]>
  readonly tenant?: (request: FastifyRequest) => string
  /** What the route does while Redis is away; the option `onOutage` of the plugin by default. */
  readonly onOutage?: 'buffer' | 'reject'
}

/** `config.invalidates`: what the route changes. It is invalidated once the handler succeeded, before the reply leaves. */
export type RouteInvalidates = RouteInvalidation | RouteInvalidation['tags']

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string' && item !== '')
}

function isWholeReply(status: unknown): boolean {
  return (
    Number.isInteger(status) &&
    Number(status) >= 200 &&
    Number(status) < 500 &&
    status !== 206 &&
    status !== 304
  )
}

const texts: OptionRule = { wants: 'a list of texts', accepts: isTexts }
const tags: OptionRule = {
  wants: 'a list of texts or a function',
  accepts: (value) => isTexts(value) || typeof value === 'function',
}
const longestSeconds = 100 * 365 * 86_400

const cacheRules: OptionRules<RouteCacheConfig> = {
  ttlSeconds: optionRule.number(0.001, longestSeconds),
  staleWhileRevalidateSeconds: optionRule.number(0, longestSeconds),
  staleIfErrorSeconds: optionRule.number(0, longestSeconds),
  tags,
  key: optionRule.callable,
  varyBy: optionRule.callable,
  varyHeaders: texts,
  query: texts,
  tenant: optionRule.callable,
  headers: texts,
  statusCodes: {
    wants: 'a list of statuses from 200 to 499, without 206 and 304, which are no whole replies',
    accepts: (value) => Array.isArray(value) && value.every(isWholeReply),
  },
  consistency: optionRule.oneOf('local', 'strong'),
}

const invalidationRules: OptionRules<RouteInvalidation> = {
  tags,
  tenant: optionRule.callable,
  onOutage: optionRule.oneOf('buffer', 'reject'),
}

function refuse(message: string): Error {
  return new CacheOptionError(message)
}

/** @throws STAY_CACHE_OPTION_INVALID when the route is registered: misspelt config compiles. */
export function checkRouteCache(config: RouteCacheConfig, route: string): RouteCacheConfig {
  const checked = checkOptions(`config.cache of ${route}`, config, cacheRules, refuse)
  const ignored = (['varyBy', 'varyHeaders', 'query'] as const).find((name) => name in checked)
  if (checked.key === undefined || ignored === undefined) return checked
  throw refuse(`config.cache of ${route} has a key of its own: put what ${ignored} says into it.`)
}

/** @throws STAY_CACHE_OPTION_INVALID */
export function checkRouteInvalidation(config: RouteInvalidates, route: string): RouteInvalidation {
  const invalidation = isInvalidation(config) ? config : { tags: config }
  const checked = checkOptions(`config.invalidates of ${route}`, invalidation, invalidationRules, refuse)
  if ('tags' in checked) return checked
  throw refuse(`config.invalidates of ${route} takes tags: a list of texts, or a function.`)
}

function isInvalidation(config: RouteInvalidates): config is RouteInvalidation {
  return typeof config === 'object' && !Array.isArray(config)
}
