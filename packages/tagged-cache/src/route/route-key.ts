import type { FastifyRequest, RouteOptions } from 'fastify'
import { CacheOptionError } from '../errors.js'
import type { RouteCacheConfig } from './route-config.js'

/** A value with a sign before it: a list and a text that looks like one are told apart. */
function signed(value: unknown, look?: (name: string, value: unknown) => unknown): string {
  return typeof value === 'string'
    ? `=${encodeURIComponent(value)}`
    : `~${encodeURIComponent(JSON.stringify(value, look))}`
}

/** What JSON says of a function or a set is the same for all of them: who differs by it would share replies. */
function showsNothing(value: unknown): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return true
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype !== Object.prototype && prototype !== null && Object.keys(value).length === 0
}

/** @throws STAY_CACHE_OPTION_INVALID for what JSON cannot tell apart. */
function variation(varyBy: unknown): string {
  if (typeof varyBy === 'string') return signed(varyBy)
  return signed(varyBy, (_name, value) => {
    if (!showsNothing(value)) return value
    throw new CacheOptionError(
      'varyBy of config.cache takes what JSON tells apart, such as an id or a list of roles; it gave something that JSON shows nothing of.',
    )
  })
}

/** `name=value` pairs in the order of their names; two different lists never meet in one text. */
function pairs(values: unknown, only?: readonly string[]): string {
  if (typeof values !== 'object' || values === null) return ''
  const parts: string[] = []
  for (const name of Object.keys(values).sort()) {
    const value: unknown = Reflect.get(values, name)
    if (value === undefined || only?.includes(name) === false) continue
    parts.push(encodeURIComponent(name) + signed(value))
  }
  return parts.join('&')
}

/** What tells one route from all others; constraints may give the same URL to several. */
export function routeName({ url, constraints }: Pick<RouteOptions, 'url' | 'constraints'>): string {
  const texts = Object.entries<unknown>({ ...constraints }).map(([name, value]) => [name, String(value)])
  return `${encodeURI(url).replaceAll('|', '%7C')}|${pairs(Object.fromEntries(texts))}`
}

/**
 * The key of a reply: the route, its parameters, the query parameters that matter, and what else the
 * reply depends on. It stays readable; one that is long is hashed where it is stored.
 */
export function routeKey(
  route: string,
  request: FastifyRequest,
  config: RouteCacheConfig,
  varyBy: unknown,
): string {
  const sections = [
    route,
    pairs(request.params),
    pairs(request.query, config.query),
    config.varyHeaders === undefined
      ? ''
      : config.varyHeaders.map((name) => signed(request.headers[name.toLowerCase()] ?? null)).join('&'),
    varyBy === undefined ? '' : variation(varyBy),
  ]
  return `route:${sections.join('|').replace(/\|+$/, '')}`
}
