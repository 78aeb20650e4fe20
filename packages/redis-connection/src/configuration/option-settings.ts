import { parseConnectionUrl } from './connection-url.js'
import { Credentials } from './credentials.js'
import type { RoleSettings } from './environment.js'
import { redisConfigError } from '../errors.js'
import type { NodeAddress, RedisConnectionOptions, Role } from '../options.js'
import {
  REDIS_PORT,
  settingsFromHost,
  settingsFromNodes,
  settingsFromUrl,
  type ServerSettings,
} from './server-settings.js'

const ADDRESSES = ['url', 'host', 'cluster', 'sentinel', 'client'] as const
const WITH_CLIENT = [
  'port',
  'username',
  'password',
  'tls',
  'db',
  'family',
  'connectTimeoutMs',
  'ioredis',
] as const

/**
 * The server that the options name, or undefined where they leave it to the environment.
 *
 * @throws STAY_REDIS_CONFIG_CONFLICT and what a URL, a host or a list of nodes can throw
 */
export function serverOfOptions(options: RedisConnectionOptions): ServerSettings | undefined {
  refuseConflicts(options)
  const address = addressOfOptions(options)
  return address === undefined ? undefined : withOptions(address, options)
}

function addressOfOptions(options: RedisConnectionOptions): ServerSettings | undefined {
  const { url, host, cluster, sentinel } = options
  const port = options.port ?? REDIS_PORT
  if (url !== undefined) return settingsFromUrl(parseConnectionUrl(url, 'The option url'), 'The option url')
  if (host !== undefined) return settingsFromHost(host, port, 'The option host')
  if (cluster !== undefined)
    return settingsFromNodes('cluster', cluster.nodes.map(addressText), 'The option cluster.nodes')
  if (sentinel !== undefined) {
    const nodes = sentinel.nodes.map(addressText)
    const settings = settingsFromNodes('sentinel', nodes, 'The option sentinel.nodes', sentinel.name)
    const password = new Credentials(undefined, sentinel.password || undefined)
    return { ...settings, sentinelCredentials: password.orElse(settings.sentinelCredentials) }
  }
  const own = options.roles?.default?.url
  return own === undefined
    ? undefined
    : settingsFromUrl(parseConnectionUrl(own, 'The option roles.default.url'), 'The option roles.default.url')
}

/** A port alone means a server on this machine, where the environment names none. */
export function localServer(options: RedisConnectionOptions): ServerSettings | undefined {
  if (options.port === undefined || options.client !== undefined) return undefined
  return settingsFromHost('localhost', options.port, 'The option port')
}

/** Settings from anywhere, with the options that win over them. */
export function withOptions(settings: ServerSettings, options: RedisConnectionOptions): ServerSettings {
  const { port, tls, db } = options
  const [endpoint, ...others] = settings.endpoints
  const movesPort = port !== undefined && settings.topology === 'single' && endpoint.path === undefined
  const credentials = new Credentials(options.username || undefined, options.password || undefined)
  return {
    ...settings,
    endpoints: movesPort ? [{ host: endpoint.host, port }, ...others] : settings.endpoints,
    credentials: credentials.orElse(settings.credentials),
    ...(tls === undefined ? {} : { tlsSwitch: { on: tls !== false, source: 'The option tls', final: true } }),
    ...(typeof tls === 'object' ? { tls: { ...settings.tls, ...tls } } : {}),
    ...(db === undefined ? {} : { db, dbSource: 'The option db' }),
  }
}

/** What the options give a role of its own; a URL there leaves the environment's database of that role alone. */
export function roleOfOptions(options: RedisConnectionOptions, role: Role): RoleSettings | undefined {
  const given = options.roles?.[role]
  if (given === undefined) return undefined
  const name = `The option roles.${role}`
  const ca = typeof options.tls === 'object' ? options.tls.ca : undefined
  const { db, url } = given
  const server =
    url === undefined
      ? undefined
      : { ...settingsFromUrl(parseConnectionUrl(url, `${name}.url`), `${name}.url`), tls: { ca } }
  return { db, dbSource: `${name}.db`, server }
}

function addressText(node: NodeAddress): string {
  if (typeof node === 'string') return node
  const host = node.host.includes(':') && !node.host.startsWith('[') ? `[${node.host}]` : node.host
  return node.port === undefined ? host : `${host}:${node.port}`
}

function refuseConflicts(options: RedisConnectionOptions): void {
  const isGiven = (name: keyof RedisConnectionOptions): boolean => options[name] !== undefined
  const addresses = ADDRESSES.filter(isGiven)
  if (addresses.length > 1) throw conflict(addresses, 'Each names a server.', 'Keep one of them.')
  const { url, client, db, tls } = options
  if (client !== undefined) {
    const others = WITH_CLIENT.filter(isGiven)
    const why = 'An adopted client keeps the connection and the settings that it has.'
    if (others.length > 0) throw conflict(['client', ...others], why, 'Set them where the client is made.')
    const roleUrl = Object.values(options.roles ?? {}).some((role) => role?.url !== undefined)
    if (roleUrl)
      throw conflict(
        ['client', 'roles with a url'],
        why,
        'Register the plugin a second time for the other server.',
      )
  }
  if (url === undefined) return
  if (options.port !== undefined)
    throw conflict(['url', 'port'], 'The URL holds the port.', 'Keep one of them.')
  const parsed = parseConnectionUrl(url, 'The option url')
  if (db !== undefined && parsed.db !== undefined && parsed.db !== db) {
    throw conflict(['url', 'db'], `The URL names database ${parsed.db}, db is ${db}.`, 'Keep one of them.')
  }
  if (tls === false && parsed.tls === true) {
    throw conflict(
      ['url', 'tls'],
      'The URL asks for TLS, and tls is false.',
      'Write redis://, or drop tls: false.',
    )
  }
}

function conflict(names: readonly string[], why: string, remedy: string): Error {
  const what = `The options ${names.join(', ')} are given together.`
  return redisConfigError('STAY_REDIS_CONFIG_CONFLICT', { what, why, remedy })
}
