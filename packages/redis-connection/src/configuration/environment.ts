import { parseConnectionUrl } from './connection-url.js'
import { Credentials } from './credentials.js'
import { redisConfigError } from '../errors.js'
import { EnvironmentVariables } from './environment-variables.js'
import { notice, type Notice } from './notice.js'
import type { Environment, Role } from '../options.js'
import {
  REDIS_PORT,
  settingsFromHost,
  settingsFromNodes,
  settingsFromUrl,
  type ServerSettings,
} from './server-settings.js'

/** What a role was given of its own. */
export interface RoleSettings {
  readonly db?: number | undefined
  /** The variable or option that named the database. */
  readonly dbSource?: string | undefined
  readonly server?: ServerSettings | undefined
}

/** What the environment says; empty variables say nothing. */
export interface EnvironmentSettings {
  readonly server: ServerSettings | undefined
  readonly roles: Readonly<Partial<Record<Role, RoleSettings>>>
  readonly keyPrefix: string | undefined
  readonly notices: readonly Notice[]
}

const ROLE_VARIABLES = [
  { role: 'cache', db: 'REDIS_CACHE_DB', url: 'REDIS_CACHE_URL' },
  { role: 'queue', db: 'REDIS_QUEUE_DB', url: 'REDIS_QUEUE_URL' },
  { role: 'webhook', db: 'REDIS_WEBHOOK_DB', url: 'REDIS_WEBHOOK_URL' },
] as const

const SERVER_VARIABLES = [
  'REDIS_URL',
  'REDIS_CLUSTER_NODES',
  'REDIS_SENTINELS',
  'REDIS_HOST',
  'REDIS_PORT',
  'REDIS_USERNAME',
  'REDIS_PASSWORD',
  'REDIS_DB',
  'REDIS_TLS',
  'REDIS_TLS_ENABLED',
  'REDIS_TLS_CA',
]

// Where platforms put something like a Redis URL, and what to do about each.
const ELSEWHERE: readonly (readonly [variable: string, hint: string])[] = [
  ['KV_URL', 'KV_URL is the redis URL: set REDIS_URL to its value.'],
  [
    'UPSTASH_REDIS_REST_URL',
    'UPSTASH_REDIS_REST_URL is the REST URL, which is not used here: copy the redis URL (rediss://…) from the Upstash console, tab Details, into REDIS_URL.',
  ],
  [
    'KV_REST_API_URL',
    'KV_REST_API_URL is the REST URL, which is not used here: set REDIS_URL to the redis URL that the store shows beside it (KV_URL).',
  ],
]

/**
 * Reads the `REDIS_*` variables; the server's only where one is wanted from here. What is not used is not checked: behind `REDIS_URL`, a `REDIS_PORT` that
 * Kubernetes set to `tcp://…` does no harm.
 *
 * @throws errors that name the variable: STAY_REDIS_CONFIG_INVALID_PORT, _INVALID_DB, _INVALID_SWITCH,
 * _INVALID_CA, _CONFLICT, _NO_SENTINEL_NAME, and what a URL or a host can throw
 */
export function readEnvironment(env: Environment, wanted: { readonly server: boolean }): EnvironmentSettings {
  const variables = new EnvironmentVariables(env)
  const notices: Notice[] = []
  const server = wanted.server ? readServer(variables, notices) : undefined
  if (wanted.server && server === undefined) {
    const [, hint] = ELSEWHERE.find(([variable]) => variables.text(variable) !== undefined) ?? []
    if (hint !== undefined) notices.push(notice('warn', 'STAY_REDIS_NOTICE_OTHER_URL', hint))
  }
  return { server, roles: readRoles(variables), keyPrefix: variables.text('REDIS_KEY_PREFIX'), notices }
}

function readServer(variables: EnvironmentVariables, notices: Notice[]): ServerSettings | undefined {
  const url = variables.text('REDIS_URL')
  const nodes = variables.list('REDIS_CLUSTER_NODES')
  const sentinels = variables.list('REDIS_SENTINELS')
  const host = variables.text('REDIS_HOST')
  refuseTwoAddresses({ REDIS_URL: url, REDIS_CLUSTER_NODES: nodes, REDIS_SENTINELS: sentinels })
  const address = readAddress(variables, { url, nodes, sentinels, host })
  if (address === undefined) {
    const orphans = ['REDIS_PASSWORD', 'REDIS_USERNAME'].filter((name) => variables.text(name) !== undefined)
    if (orphans.length > 0) {
      notices.push(
        notice(
          'info',
          'STAY_REDIS_NOTICE_HOST_MISSING',
          `${orphans.join(' and ')} set, but neither REDIS_URL nor REDIS_HOST.`,
        ),
      )
    }
    return undefined
  }
  const login = new Credentials(variables.text('REDIS_USERNAME'), variables.text('REDIS_PASSWORD'))
  const db = variables.db('REDIS_DB')
  noticeOverruled(variables, address, { hasUrl: url !== undefined, db }, notices)
  return {
    ...address,
    // A password of the URL is never sent under another user's name.
    credentials: address.credentials.isEmpty ? login : address.credentials,
    tlsSwitch: readTlsSwitch(variables),
    tls: { ca: variables.certificates('REDIS_TLS_CA') },
    db: address.db ?? db,
    dbSource: address.db === undefined ? 'REDIS_DB' : address.source,
  }
}

/** Which of the variables that describe a server are set. */
export function serverVariables(env: Environment): string[] {
  const variables = new EnvironmentVariables(env)
  return SERVER_VARIABLES.filter((name) => variables.text(name) !== undefined)
}

interface Addresses {
  readonly url: string | undefined
  readonly nodes: string[] | undefined
  readonly sentinels: string[] | undefined
  readonly host: string | undefined
}

function readAddress(variables: EnvironmentVariables, given: Addresses): ServerSettings | undefined {
  const { url, nodes, sentinels, host } = given
  if (url !== undefined) return settingsFromUrl(parseConnectionUrl(url, 'REDIS_URL'), 'REDIS_URL')
  if (nodes !== undefined) return settingsFromNodes('cluster', nodes, 'REDIS_CLUSTER_NODES')
  if (sentinels !== undefined) {
    const name = variables.text('REDIS_SENTINEL_NAME')
    if (name !== undefined) return settingsFromNodes('sentinel', sentinels, 'REDIS_SENTINELS', name)
    throw redisConfigError('STAY_REDIS_CONFIG_NO_SENTINEL_NAME', {
      what: 'REDIS_SENTINELS is set, but not REDIS_SENTINEL_NAME.',
      why: 'Sentinels watch several groups and are asked for one by its name.',
      remedy: "Set REDIS_SENTINEL_NAME to the name in the sentinels' configuration, often mymaster.",
    })
  }
  if (host === undefined) return undefined
  return settingsFromHost(host, variables.port('REDIS_PORT') ?? REDIS_PORT, 'REDIS_HOST')
}

function refuseTwoAddresses(addresses: Readonly<Record<string, unknown>>): void {
  const given = Object.keys(addresses).filter((name) => addresses[name] !== undefined)
  if (given.length < 2) return
  throw redisConfigError('STAY_REDIS_CONFIG_CONFLICT', {
    what: `${given.join(' and ')} are both set.`,
    why: 'They name different servers, or the same one in two ways.',
    remedy: 'Keep one and leave the others empty.',
  })
}

function noticeOverruled(
  variables: EnvironmentVariables,
  address: ServerSettings,
  given: { hasUrl: boolean; db: number | undefined },
  notices: Notice[],
): void {
  if (address.source === 'REDIS_HOST') return
  const overruled = ['REDIS_HOST', 'REDIS_PORT'].filter((name) => variables.text(name) !== undefined)
  if (!address.credentials.isEmpty) {
    overruled.push(
      ...['REDIS_USERNAME', 'REDIS_PASSWORD'].filter((name) => variables.text(name) !== undefined),
    )
  }
  if (address.db !== undefined && given.db !== undefined && given.db !== address.db)
    overruled.push('REDIS_DB')
  if (overruled.length === 0) return
  const code = given.hasUrl ? 'STAY_REDIS_NOTICE_URL_WINS' : 'STAY_REDIS_NOTICE_NODES_WIN'
  notices.push(notice('info', code, `${address.source} wins over ${overruled.join(', ')}.`))
}

function readTlsSwitch(variables: EnvironmentVariables): ServerSettings['tlsSwitch'] {
  const short = variables.flag('REDIS_TLS')
  const long = variables.flag('REDIS_TLS_ENABLED')
  if (short !== undefined && long !== undefined && short !== long) {
    throw redisConfigError('STAY_REDIS_CONFIG_CONFLICT', {
      what: `REDIS_TLS is ${short} and REDIS_TLS_ENABLED is ${long}.`,
      why: 'They are two names of one switch.',
      remedy: 'Keep one of them.',
    })
  }
  const on = short ?? long
  if (on === undefined) return undefined
  return { on, source: short === undefined ? 'REDIS_TLS_ENABLED' : 'REDIS_TLS', final: false }
}

function readRoles(variables: EnvironmentVariables): Partial<Record<Role, RoleSettings>> {
  const roles: Partial<Record<Role, RoleSettings>> = {}
  for (const { role, ...names } of ROLE_VARIABLES) {
    const url = variables.text(names.url)
    const db = variables.db(names.db)
    if (url === undefined && db === undefined) continue
    roles[role] = {
      db,
      dbSource: names.db,
      server: url === undefined ? undefined : roleServer(variables, url, names.url),
    }
  }
  return roles
}

function roleServer(variables: EnvironmentVariables, url: string, source: string): ServerSettings {
  const settings = settingsFromUrl(parseConnectionUrl(url, source), source)
  return { ...settings, tls: { ca: variables.certificates('REDIS_TLS_CA') } }
}
