import type { ClusterNode, ClusterOptions, RedisOptions } from 'ioredis'
import { QuietSentinelConnector } from '../quiet-sentinel-connector.js'
import type { OpenedConfig, Target } from './connection-config.js'

/** What the caller decides: it owns the reconnects. */
export interface ReconnectOptions {
  /** Milliseconds until the next attempt. Never null: ioredis would give up for good. */
  readonly retryStrategy: (attempt: number) => number
  /** Which errors of Redis ask for a new connection. */
  readonly reconnectOnError?: ((error: Error) => boolean | 1 | 2) | undefined
  /** 2 for a proxy that closes on HELLO. */
  readonly protocol?: 2 | 3 | undefined
}

/** What `new Redis()` takes: its constructor refuses an undefined `replyMapping`, which is ours to leave out. */
export type ClientOptions = Omit<RedisOptions, 'replyMapping'>

/** The same for `new Cluster()`. */
export type ClusterClientOptions = Omit<ClusterOptions, 'redisOptions'> & {
  readonly redisOptions: Omit<NonNullable<ClusterOptions['redisOptions']>, 'replyMapping'>
}

/** The part of the configuration that shapes a client. */
export type ClientConfig = Pick<OpenedConfig, 'ioredis'>

/**
 * Options of an ordinary client of a single server or a sentinel group.
 *
 * A command is sent at most once and rejected the moment its connection drops: offline queue off,
 * `maxRetriesPerRequest` 0. There is no `commandTimeout` and no `socketTimeout`: ioredis would fire them
 * after a blocked event loop too, and a busy process is not a dead Redis. The link watches deadlines.
 *
 * `connectTimeout` is the longer one of the first connection; set `client.options.connectTimeout` to
 * `target.server.connectTimeoutMs.reconnect` once it is up.
 */
export function ioredisOptionsFor(
  target: Target,
  config: ClientConfig,
  reconnect: ReconnectOptions,
): ClientOptions {
  return {
    ...addressOf(target),
    ...connectionOptions(target, reconnect),
    retryStrategy: reconnect.retryStrategy,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    ...config.ioredis,
  }
}

/**
 * Options of a connection that blocks on purpose, such as a queue worker's. BullMQ asks for
 * `maxRetriesPerRequest: null` and for the offline queue; its keys carry the prefix themselves.
 *
 * @param drainDelaySeconds how long one blocking command may wait for work; where it is known, a silence of
 * more than twice that and 5 s is taken for a dead connection. Without it only the kernel's keep-alive tells.
 */
export function blockingIoredisOptionsFor(
  target: Target,
  config: ClientConfig,
  reconnect: ReconnectOptions,
  drainDelaySeconds?: number,
): ClientOptions {
  return {
    ...addressOf(target),
    ...connectionOptions(target, reconnect),
    ...silenceOf(drainDelaySeconds),
    retryStrategy: reconnect.retryStrategy,
    ...config.ioredis,
    enableReadyCheck: true,
    enableOfflineQueue: true,
    maxRetriesPerRequest: null,
    autoResendUnfulfilledCommands: true,
  }
}

/**
 * Start nodes and options of a Cluster; ioredis wants the offline queue at the top, sockets below.
 *
 * A command is sent at most once here too: with a `retryDelayOnFailover` above 0 ioredis sends one again that was
 * under way when its connection broke. `retryDelayOnClusterDown` is 0 because a command would wait for its deadline
 * where the cluster has said no. Nodes do not reconnect by themselves (`clusterNodeRetryStrategy`), because
 * `disconnect(true)` would then wait for their end; the link finds the new primary.
 */
export function clusterOptionsFor(
  target: Target,
  config: ClientConfig,
  reconnect: ReconnectOptions,
): { readonly nodes: ClusterNode[]; readonly options: ClusterClientOptions } {
  return {
    nodes: nodesOf(target),
    options: {
      ...clusterAddressOf(target, reconnect),
      enableOfflineQueue: false,
      clusterNodeRetryStrategy: null,
      retryDelayOnFailover: 0,
      retryDelayOnClusterDown: 0,
      redisOptions: {
        ...loginOf(target),
        ...connectionOptions(target, reconnect),
        db: 0,
        // A node that hangs while it greets is found here: the link sees those that have been ready.
        socketTimeout: 1500,
        maxRetriesPerRequest: 0,
        autoResendUnfulfilledCommands: false,
        ...config.ioredis,
      },
    },
  }
}

/** The same for a Cluster client that blocks on purpose; see {@link blockingIoredisOptionsFor}. */
export function blockingClusterOptionsFor(
  target: Target,
  config: ClientConfig,
  reconnect: ReconnectOptions,
  drainDelaySeconds?: number,
): { readonly nodes: ClusterNode[]; readonly options: ClusterClientOptions } {
  return {
    nodes: nodesOf(target),
    options: {
      ...clusterAddressOf(target, reconnect),
      enableOfflineQueue: true,
      retryDelayOnFailover: 200,
      retryDelayOnClusterDown: 200,
      redisOptions: {
        ...loginOf(target),
        ...connectionOptions(target, reconnect),
        db: 0,
        ...silenceOf(drainDelaySeconds),
        ...config.ioredis,
        maxRetriesPerRequest: null,
      },
    },
  }
}

function nodesOf({ server }: Target): { readonly host: string; readonly port: number }[] {
  return server.endpoints.flatMap(({ host, port }) => (host === undefined ? [] : [{ host, port }]))
}

function clusterAddressOf({ server }: Target, { retryStrategy }: ReconnectOptions): ClusterClientOptions {
  return {
    redisOptions: {},
    clusterRetryStrategy: retryStrategy,
    lazyConnect: true,
    slotsRefreshTimeout: 2000,
    // Certificates are made out to names: an address looked up beforehand would not match.
    ...(server.tls ? { dnsLookup: (address, callback) => callback(null, address) } : {}),
  }
}

/** How long a connection that waits for work may be silent. */
function silenceOf(drainDelaySeconds: number | undefined): { readonly socketTimeout: number | undefined } {
  return { socketTimeout: drainDelaySeconds === undefined ? undefined : 2 * drainDelaySeconds * 1000 + 5000 }
}

function loginOf({ server }: Target): Pick<ClientOptions, 'username' | 'password' | 'tls'> {
  const tls = server.tlsOptions()
  return { ...server.credentials.reveal(), ...(tls === undefined ? {} : { tls }) }
}

function addressOf(target: Target): ClientOptions {
  const { server } = target
  const [endpoint] = server.endpoints
  if (server.topology === 'sentinel') return sentinelOptionsOf(target)
  // The link asks INFO itself and knows what LOADING is; the client would wait in silence and be taken for dead.
  return { ...loginOf(target), db: target.db, ...endpoint, enableReadyCheck: false }
}

function sentinelOptionsOf(target: Target): ClientOptions {
  const { server } = target
  const tls = server.tlsOptions()
  const { username, password } = server.sentinelCredentials.reveal()
  return {
    ...loginOf(target),
    db: target.db,
    name: server.masterName,
    sentinels: nodesOf(target),
    sentinelUsername: username,
    sentinelPassword: password,
    ...(tls === undefined ? {} : { enableTLSForSentinelMode: true, sentinelTLS: tls }),
    // Measured: writes again 2.3 s after a kill and 3.4 s after a freeze, against more than 25 s.
    Connector: QuietSentinelConnector,
    failoverDetector: true,
    sentinelCommandTimeout: 1000,
    // The default asks again at once and floods the log.
    sentinelRetryStrategy: (attempt) => Math.min(100 * 2 ** Math.min(attempt, 10), 2000),
    socketTimeout: 1500,
  }
}

function connectionOptions(target: Target, { reconnectOnError, protocol }: ReconnectOptions): ClientOptions {
  const { server, role } = target
  return {
    lazyConnect: true,
    family: server.family,
    connectTimeout: server.connectTimeoutMs.boot,
    disconnectTimeout: 100,
    keepAlive: 10_000,
    disableClientInfo: true,
    // Naming a connection is a command, and so is telling the server which library this is.
    ...(server.provider.billedByCommand ? {} : { connectionName: `stayfast:${role}` }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(reconnectOnError === undefined ? {} : { reconnectOnError }),
  }
}
