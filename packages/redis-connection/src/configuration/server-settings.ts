import { isIP } from 'node:net'
import {
  isHostName,
  parseConnectionUrl,
  type AddressFamily,
  type ConnectionUrl,
  type Endpoint,
} from './connection-url.js'
import { Credentials } from './credentials.js'
import { redisConfigError } from '../errors.js'
import type { TlsOptions } from '../options.js'

export type Topology = 'single' | 'sentinel' | 'cluster'

/** What was said about a server, before the provider table has its word. Never leaves the configuration. */
export interface ServerSettings {
  readonly topology: Topology
  /** One for a single server, the nodes to begin with for a cluster, the sentinels for sentinel. */
  readonly endpoints: readonly [Endpoint, ...Endpoint[]]
  readonly masterName?: string | undefined
  readonly credentials: Credentials
  readonly sentinelCredentials: Credentials
  /** TLS by the scheme; undefined where the address has none. */
  readonly schemeTls: boolean | undefined
  /** TLS by a setting of its own. */
  readonly tlsSwitch?: { readonly on: boolean; readonly source: string; readonly final: boolean } | undefined
  readonly tls: TlsOptions
  readonly db: number | undefined
  /** What named the database, where it is not `source`. */
  readonly dbSource?: string | undefined
  readonly family: AddressFamily | undefined
  readonly ignoredParameters: readonly string[]
  /** The variable or option that named the server, for messages. */
  readonly source: string
}

export const SENTINEL_PORT = 26_379
export const REDIS_PORT = 6379

export function settingsFromUrl(url: ConnectionUrl, source: string): ServerSettings {
  return {
    topology: 'single',
    endpoints: [url.endpoint],
    credentials: url.credentials,
    sentinelCredentials: Credentials.none,
    schemeTls: url.tls,
    tls: {},
    db: url.db,
    family: url.family,
    ignoredParameters: url.ignoredParameters,
    source,
  }
}

/**
 * Settings of a server that is named by host and port.
 *
 * @param host a name, an IP address or the path of a socket file
 * @throws STAY_REDIS_CONFIG_INVALID_HOST
 */
export function settingsFromHost(host: string, port: number, source: string): ServerSettings {
  const endpoint = host.startsWith('/') ? { path: host } : { host: checkHost(host, source), port }
  const url = { endpoint, tls: undefined, credentials: Credentials.none, db: undefined, family: undefined }
  return settingsFromUrl({ ...url, ignoredParameters: [] }, source)
}

function checkHost(text: string, source: string): string {
  const host = text.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  if (isIP(host) !== 0 || isHostName(host)) return host
  const isUrl = text.includes('://')
  throw redisConfigError('STAY_REDIS_CONFIG_INVALID_HOST', {
    what: isUrl ? `${source} is a URL.` : `${source} is neither a host name nor an IP address.`,
    why: 'A host stands alone, without scheme, port, user or password.',
    remedy: isUrl
      ? 'Set REDIS_URL, or the option url, instead.'
      : 'Give the host alone; the port has a setting of its own.',
  })
}

/**
 * Settings of a cluster or of sentinels. Nodes may carry credentials and a scheme; those of all must agree.
 *
 * @throws STAY_REDIS_CONFIG_NO_NODES, _INVALID_HOST, _CONFLICT, and what a URL can throw
 */
export function settingsFromNodes(
  topology: 'cluster' | 'sentinel',
  nodes: readonly string[],
  source: string,
  masterName?: string,
): ServerSettings {
  const defaultPort = topology === 'sentinel' ? SENTINEL_PORT : REDIS_PORT
  const urls = nodes.map((node) =>
    parseConnectionUrl(withPort(node, defaultPort), `A node of ${source}`, defaultPort),
  )
  const [first, ...others] = urls
  if (first === undefined) {
    throw redisConfigError('STAY_REDIS_CONFIG_NO_NODES', {
      what: `${source} lists no node.`,
      why: 'At least one is needed to find the others.',
      remedy: 'List them as host:port, separated by commas.',
    })
  }
  if (urls.some(({ endpoint }) => endpoint.path !== undefined)) {
    throw redisConfigError('STAY_REDIS_CONFIG_INVALID_HOST', {
      what: `A node of ${source} is a socket file.`,
      why: 'Nodes tell of each other by host and port.',
      remedy: 'List them as host:port, separated by commas.',
    })
  }
  const login = JSON.stringify(first.credentials.reveal())
  const differs = others.some(
    (url) => url.tls !== first.tls || JSON.stringify(url.credentials.reveal()) !== login,
  )
  if (differs || urls.some((url) => url.db !== undefined && url.db !== 0)) {
    throw redisConfigError('STAY_REDIS_CONFIG_CONFLICT', {
      what: differs
        ? `The nodes of ${source} differ in scheme, user or password.`
        : `A node of ${source} names a database.`,
      why: differs
        ? 'One connection is made to all of them.'
        : 'Nodes are the way to the data, which has its own setting for that.',
      remedy: differs ? 'Write the same in front of every node.' : 'Drop the database from the nodes.',
    })
  }
  const isSentinel = topology === 'sentinel'
  return {
    ...settingsFromUrl(first, source),
    topology,
    endpoints: [first.endpoint, ...others.map((url) => url.endpoint)],
    masterName,
    credentials: isSentinel ? Credentials.none : first.credentials,
    sentinelCredentials: isSentinel ? first.credentials : Credentials.none,
  }
}

function withPort(node: string, port: number): string {
  return isHostName(node) || /^\[[^\]]*\]$/.test(node) ? `${node}:${port}` : node
}
