import type { AddressFamily } from './configuration/connection-url.js'
import { checkIoredisExtras, type IoredisExtras } from './configuration/ioredis-extras.js'
import {
  either,
  filledText,
  flag,
  isRecord,
  listOf,
  oneOf,
  shape,
  text,
  wholeNumber,
} from './configuration/option-check.js'
import { providerIds, type ProviderId } from './configuration/providers.js'

/** What a connection is for. Each role may have a database, or a server, of its own. */
export type Role = 'default' | 'cache' | 'queue' | 'webhook'

export const roles: readonly Role[] = Object.freeze(['default', 'cache', 'queue', 'webhook'] as const)

/** The variables that are read, `process.env` or the like. */
export type Environment = Readonly<Record<string, string | undefined>>

/** The part of an ioredis 5 or 6 client, a Cluster or an iovalkey client that adopting one needs. */
export interface AdoptableClient {
  readonly status: string
  readonly isCluster?: boolean
  readonly options: object
  duplicate(...args: never[]): unknown
  disconnect(): void
}

/** TLS settings; any of them turns TLS on. */
export interface TlsOptions {
  /** The authority that signed the server's certificate, as PEM. */
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined
  /** The name the certificate must have, where it is not the host. */
  readonly servername?: string | undefined
  /** false accepts any certificate: encryption without knowing whom one talks to. */
  readonly rejectUnauthorized?: boolean | undefined
  /** Client certificate, as PEM. */
  readonly cert?: string | Buffer | undefined
  /** The client certificate's private key, as PEM. */
  readonly key?: string | Buffer | undefined
}

/** A node as `host:port`, as a URL, or in parts. */
export type NodeAddress = string | { readonly host: string; readonly port?: number | undefined }

/** The database or the server of one role. */
export interface RoleOptions {
  readonly db?: number | undefined
  readonly url?: string | undefined
}

/** Options of the plugin. What is left out comes from the environment, then from the provider table. */
export interface RedisConnectionOptions {
  /** `redis://`, `rediss://`, `valkey://`, `valkeys://`, `unix://` or `host:port`. */
  readonly url?: string | undefined
  /** A host name, an IP address or the path of a socket file; not together with `url`. */
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly username?: string | undefined
  readonly password?: string | undefined
  readonly tls?: boolean | TlsOptions | undefined
  /** The database; all roles stay in it unless they name one of their own. */
  readonly db?: number | undefined
  /** Address family; 0, the default, works on every network. */
  readonly family?: AddressFamily | undefined
  readonly cluster?: { readonly nodes: readonly NodeAddress[] } | undefined
  readonly sentinel?:
    | {
        readonly nodes: readonly NodeAddress[]
        /** Name of the master group. */
        readonly name: string
        /** The sentinels' own password, not that of the servers. */
        readonly password?: string | undefined
      }
    | undefined
  /** A client that the app owns; it is used as it is and never closed. */
  readonly client?: AdoptableClient | undefined
  readonly roles?: Readonly<Partial<Record<Role, RoleOptions | undefined>>> | undefined
  /** Put in front of every key as it is, so end it with a separator: `shop:`. */
  readonly keyPrefix?: string | undefined
  /** Overrules what the host name suggests. */
  readonly provider?: ProviderId | undefined
  /** `'serve'` (default) starts without Redis; `'require'` refuses to start without it. */
  readonly bootMode?: 'serve' | 'require' | undefined
  /** How long the start waits for Redis, in milliseconds; default 400. */
  readonly bootWaitMs?: number | undefined
  /** After how many milliseconds a command is given up; default 1000. */
  readonly deadlineMs?: number | undefined
  /** For TCP and TLS together, in milliseconds; the default comes from the provider table. */
  readonly connectTimeoutMs?: number | undefined
  /** Time between two PINGs of an idle connection, in milliseconds; false for none. */
  readonly heartbeatMs?: number | false | undefined
  /** Where settings come from that are no options; default `process.env`, false for nowhere. */
  readonly env?: Environment | false | undefined
  /** Name of the decorator; default `redisConnection`. */
  readonly decorateAs?: string | undefined
  /** Further ioredis options. They win over the defaults here, except for those that keep requests safe. */
  readonly ioredis?: IoredisExtras | undefined
}

/** What has a default of its own. The rest comes from the environment, then from the provider table. */
export interface OptionDefaults {
  readonly bootMode: 'serve' | 'require'
  readonly bootWaitMs: number
  readonly deadlineMs: number
  readonly decorateAs: string
}

export type CheckedOptions = Omit<RedisConnectionOptions, keyof OptionDefaults> & OptionDefaults

export const defaultOptions: OptionDefaults = Object.freeze({
  bootMode: 'serve',
  bootWaitMs: 400,
  deadlineMs: 1000,
  decorateAs: 'redisConnection',
} satisfies RedisConnectionOptions)

const milliseconds = wholeNumber(0, 600_000)
const database = wholeNumber(0, 2_147_483_647)
const isPem = (value: unknown): boolean => typeof value === 'string' || Buffer.isBuffer(value)
const pem = either('PEM text or a Buffer', isPem)

const tlsSettings = shape<TlsOptions>({
  ca: either('PEM text, a Buffer or an array of them', (value) =>
    Array.isArray(value) ? value.every(isPem) : isPem(value),
  ),
  servername: filledText,
  rejectUnauthorized: flag,
  cert: pem,
  key: pem,
})

const node = either(
  'a string or { host, port }',
  (value) => typeof value === 'string',
  shape<Exclude<NodeAddress, string>>({ host: filledText, port: wholeNumber(1, 65_535) }),
)
const role = shape<RoleOptions>({ db: database, url: filledText })

function isAdoptable(value: unknown): boolean {
  if (!isRecord(value)) return false
  return (
    typeof value['status'] === 'string' &&
    isRecord(value['options']) &&
    typeof value['duplicate'] === 'function' &&
    typeof value['disconnect'] === 'function'
  )
}

const check = shape<RedisConnectionOptions>({
  url: filledText,
  host: filledText,
  port: wholeNumber(1, 65_535),
  username: text,
  password: text,
  tls: either('true, false or an object', (value) => typeof value === 'boolean', tlsSettings),
  db: database,
  family: oneOf([0, 4, 6]),
  cluster: shape<NonNullable<RedisConnectionOptions['cluster']>>({ nodes: listOf(node) }),
  sentinel: shape<NonNullable<RedisConnectionOptions['sentinel']>>({
    nodes: listOf(node),
    name: filledText,
    password: text,
  }),
  client: either('an ioredis, Cluster or iovalkey client', isAdoptable),
  roles: shape<Record<Role, RoleOptions>>({ default: role, cache: role, queue: role, webhook: role }),
  keyPrefix: text,
  provider: oneOf(providerIds),
  bootMode: oneOf(['serve', 'require']),
  bootWaitMs: milliseconds,
  deadlineMs: wholeNumber(10, 600_000),
  connectTimeoutMs: wholeNumber(10, 600_000),
  heartbeatMs: either('false or milliseconds', (value) => value === false, wholeNumber(100, 3_600_000)),
  env: either('an object or false', (value) => value === false || isRecord(value)),
  decorateAs: filledText,
  ioredis: checkIoredisExtras,
})

const isRole = oneOf(roles)

/**
 * Roles also come from JavaScript, where no compiler has looked at them.
 *
 * @throws STAY_REDIS_CONFIG_OUT_OF_RANGE when there is no such role
 */
export function checkRole(role: Role): void {
  isRole(role, 'role')
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws STAY_REDIS_CONFIG_UNKNOWN_OPTION, _WRONG_TYPE, _OUT_OF_RANGE, _UNSAFE_OPTION
 */
export function checkOptions(options: RedisConnectionOptions = {}): CheckedOptions {
  check(options, '')
  return {
    ...options,
    bootMode: options.bootMode ?? defaultOptions.bootMode,
    bootWaitMs: options.bootWaitMs ?? defaultOptions.bootWaitMs,
    deadlineMs: options.deadlineMs ?? defaultOptions.deadlineMs,
    decorateAs: options.decorateAs ?? defaultOptions.decorateAs,
  }
}
