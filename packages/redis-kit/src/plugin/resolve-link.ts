import { adoptClient } from '../adopt-client.js'
import type { RedisClient } from '../client.js'
import type { RedisLink } from '../link.js'

/**
 * How an app tells a plugin which Redis to use: a link, a client of its own, the name of an
 * \@fastify/redis namespace, or `false` for memory.
 */
export type RedisOption = RedisLink | RedisClient | string | false

/** Where a plugin found its Redis. */
export interface ResolvedLink {
  readonly link: RedisLink
  readonly source: 'option' | 'redis-connection' | 'fastify-redis'
  /** The link was made for this plugin, which closes it. */
  readonly owned: boolean
}

interface LinkSource {
  link(role: string): RedisLink
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isLink(value: unknown): value is RedisLink {
  return isObject(value) && 'run' in value && 'onChange' in value && 'state' in value
}

function isClient(value: unknown): value is RedisClient {
  return isObject(value) && 'status' in value && 'call' in value && 'duplicate' in value
}

function isLinkSource(value: unknown): value is LinkSource {
  return isObject(value) && 'link' in value && typeof value.link === 'function'
}

/** Neither \@fastify/redis nor redis-connection is a dependency: they are met on the instance, if at all. */
function decoration(host: object, name: string): unknown {
  return name in host ? Reflect.get(host, name) : undefined
}

function namespaceClient(host: object, name: string): RedisClient {
  const namespaces = decoration(host, 'redis')
  const client: unknown = isObject(namespaces) ? Reflect.get(namespaces, name) : undefined
  if (isClient(client)) return client
  throw new TypeError(
    `There is no @fastify/redis namespace "${name}": register @fastify/redis with { namespace: '${name}' }, or leave out the option redis.`,
  )
}

/**
 * Finds the Redis of a plugin, the same way in all of them: the option, then `app.redisConnection`,
 * then `app.redis` of \@fastify/redis. Call it in onReady, so that the order of registration does not
 * matter.
 *
 * @param host - The Fastify instance.
 * @param settings - `role` is `'default'`, `'cache'`, `'queue'` or `'webhook'`.
 * @returns Undefined when there is none: the plugin then works in memory.
 * @throws TypeError when the option names a namespace that does not exist, or is none of the above.
 */
export function resolveLink(
  host: object,
  option: RedisOption | undefined,
  settings: { readonly role: string; readonly share?: boolean },
): ResolvedLink | undefined {
  const adopt = (client: RedisClient): RedisLink =>
    adoptClient(client, { name: settings.role, share: settings.share ?? false })

  const given: unknown = option
  if (given === false) return undefined
  if (typeof given === 'string') {
    return { link: adopt(namespaceClient(host, given)), source: 'option', owned: true }
  }
  if (isLink(given)) return { link: given, source: 'option', owned: false }
  if (isClient(given)) return { link: adopt(given), source: 'option', owned: true }
  if (given !== undefined) {
    throw new TypeError(
      'The option redis takes a link, an ioredis or iovalkey client, the name of an @fastify/redis namespace, or false.',
    )
  }

  const connection = decoration(host, 'redisConnection')
  if (isLinkSource(connection)) {
    const link = connection.link(settings.role)
    return link.status === 'off' ? undefined : { link, source: 'redis-connection', owned: false }
  }
  const client = decoration(host, 'redis')
  return isClient(client) ? { link: adopt(client), source: 'fastify-redis', owned: true } : undefined
}
