import {
  duplicateSafely,
  resolveLink,
  type RedisClient,
  type RedisLink,
  type RedisOption,
  type ResolvedLink,
} from '@stayfast/redis-kit'

/** The Redis of the plugin. */
export interface WebhookRedis {
  /** Where the queue lives; closed with the plugin where it is `owned`. */
  readonly queue: ResolvedLink
  /** Where receipts live. */
  readonly receipts: RedisLink
  /** Opens a connection that may wait for work; undefined where there is nothing but a link. */
  readonly openBlocking: OpenBlocking | undefined
}

type OpenBlocking = (settings: { readonly drainDelaySeconds: number }) => RedisClient

interface BlockingSource {
  blockingClient(role: string, settings: { readonly drainDelaySeconds: number }): RedisClient
}

function decoration(host: object, name: string): unknown {
  return name in host ? Reflect.get(host, name) : undefined
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isBlockingSource(value: unknown): value is BlockingSource {
  return isObject(value) && 'blockingClient' in value && typeof value.blockingClient === 'function'
}

/** The client that the link was made of, or undefined where a link was given. */
function clientOf(host: object, option: RedisOption | undefined): object | undefined {
  if (isObject(option)) return 'duplicate' in option ? option : undefined
  const client = decoration(host, 'redis')
  const named: unknown = typeof option === 'string' && isObject(client) ? Reflect.get(client, option) : client
  return isObject(named) ? named : undefined
}

/**
 * Finds Redis: with redis-connection the roles `queue` and `webhook`, else one link for both, whose keys
 * are told apart by their names.
 *
 * @returns Undefined when there is none: the plugin then works in memory.
 * @throws TypeError as `resolveLink` does.
 */
export function findRedis(
  host: object,
  option: RedisOption | undefined,
  share: boolean,
): WebhookRedis | undefined {
  const queue = resolveLink(host, option, { role: 'queue', share })
  if (queue === undefined) return undefined
  if (queue.source === 'redis-connection') {
    const receipts = resolveLink(host, option, { role: 'webhook', share })?.link ?? queue.link
    const connection = decoration(host, 'redisConnection')
    const openBlocking: OpenBlocking | undefined = isBlockingSource(connection)
      ? (settings) => connection.blockingClient('queue', settings)
      : undefined
    return { queue, receipts, openBlocking }
  }
  const client = clientOf(host, option)
  return {
    queue,
    receipts: queue.link,
    openBlocking:
      client === undefined
        ? undefined
        : () => duplicateSafely(client, { enableOfflineQueue: true, maxRetriesPerRequest: null }),
  }
}
