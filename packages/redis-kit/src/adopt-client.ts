import { ClientLink } from './client-link.js'
import type { RedisClient } from './client.js'
import type { RedisLink } from './link.js'
import { reconnectDelay } from './reconnect-delay.js'

/** How {@link adoptClient} uses a client that belongs to the app. */
export interface AdoptOptions {
  readonly name: string
  /**
   * Use the client itself instead of a `duplicate()` of it. Saves a connection; the link then
   * inherits the client's settings: its offline queue may run a command long after it was given up,
   * and a hung socket is not renewed before the client does so itself.
   */
  readonly share?: boolean
}

/** What lets a link keep its promises, whatever the app has set for itself. */
const safeOptions = {
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: 1500,
  disconnectTimeout: 100,
  retryStrategy: reconnectDelay,
  reconnectOnError: null,
  commandTimeout: undefined,
  socketTimeout: undefined,
  keyPrefix: '',
}

const safeClusterOptions = {
  lazyConnect: true,
  enableOfflineQueue: false,
  clusterRetryStrategy: reconnectDelay,
  // A Cluster whose nodes reconnect by themselves cannot be reset: disconnect(true) would wait for their end.
  clusterNodeRetryStrategy: null,
  // Above zero, a command that was under way when its connection broke is sent a second time.
  retryDelayOnFailover: 0,
  // Above zero, a command to a cluster that refuses waits for its deadline instead of failing at once.
  retryDelayOnClusterDown: 0,
  slotsRefreshTimeout: 2000,
  scaleReads: 'master',
  keyPrefix: '',
}

const safeNodeOptions = {
  socketTimeout: 1500,
  connectTimeout: 1500,
  disconnectTimeout: 100,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
}

interface Duplicable {
  readonly isCluster?: boolean
  readonly options?: { readonly keyPrefix?: string; readonly db?: number; readonly redisOptions?: object }
  duplicate(...overrides: object[]): RedisClient
}

function isDuplicable(client: object): client is Duplicable {
  return 'duplicate' in client && typeof client.duplicate === 'function'
}

/**
 * A `duplicate()` of a client that the app owns, with settings that let a link keep its promises. It
 * connects when it is told to, and closing it is up to the caller.
 *
 * @param overrides - ioredis options that win over the safe ones.
 * @throws TypeError when the client has no `duplicate()`.
 */
export function duplicateSafely(client: object, overrides: object = {}): RedisClient {
  if (!isDuplicable(client)) {
    throw new TypeError('The Redis client has no duplicate(): pass an ioredis or iovalkey client or Cluster.')
  }
  if (client.isCluster !== true) return client.duplicate({ ...safeOptions, ...overrides })
  return client.duplicate([], {
    ...safeClusterOptions,
    redisOptions: { ...client.options?.redisOptions, ...safeNodeOptions },
  })
}

/**
 * Makes a link over a client that the app owns. The client is never closed or reconfigured: the link
 * works through a `duplicate()` of it with safe settings and closes only that.
 *
 * @throws TypeError when `share` is set on a client with a `keyPrefix`: SCAN would not see it.
 */
export function adoptClient(client: RedisClient, options: AdoptOptions): RedisLink {
  const given = isDuplicable(client) ? client.options : undefined
  const keyPrefix = given?.keyPrefix ?? ''
  const channelPrefix = `${keyPrefix}db${given?.db ?? 0}:`
  // The subscriber subscribes by itself when it is back; ioredis would too, with nobody to catch a failure.
  const openSubscriber = (): RedisClient => duplicateSafely(client, { autoResubscribe: false })
  const traits = { cluster: client.isCluster === true }
  if (options.share === true) {
    if (keyPrefix !== '') {
      throw new TypeError(
        'share: true does not work with a client that has a keyPrefix: leave out share, or move the prefix to the option keyPrefix of the plugin.',
      )
    }
    return new ClientLink({ name: options.name, client, owned: false, traits, channelPrefix, openSubscriber })
  }
  return new ClientLink({
    name: options.name,
    client: duplicateSafely(client),
    owned: true,
    traits,
    keyPrefix: () => keyPrefix,
    channelPrefix,
    openSubscriber,
  })
}
