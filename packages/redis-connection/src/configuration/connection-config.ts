import { inspectClient, type AdoptedServer } from './adopted-client.js'
import { readEnvironment, serverVariables, type EnvironmentSettings } from './environment.js'
import { redisConfigError } from '../errors.js'
import type { IoredisExtras } from './ioredis-extras.js'
import { notice, type Notice } from './notice.js'
import { localServer, roleOfOptions, serverOfOptions, withOptions } from './option-settings.js'
import {
  checkOptions,
  roles,
  type AdoptableClient,
  type CheckedOptions,
  type Environment,
  type OptionDefaults,
  type RedisConnectionOptions,
  type Role,
} from '../options.js'
import type { Provider } from './providers.js'
import type { RedisServer } from './redis-server.js'
import {
  placeRoles,
  type DatabaseHost,
  type Placement,
  type Placements,
  type RoleRequest,
} from './role-placement.js'
import { resolveServer } from './server-resolution.js'
import type { ServerSettings } from './server-settings.js'

/** Where a role lives: what a client is opened with. */
export type Target = Placement<RedisServer>

interface CommonConfig extends OptionDefaults {
  /** The app's own prefix, in front of every key of every role. */
  readonly keyPrefix: string
  /** For the log, once, at start. */
  readonly notices: readonly Notice[]
}

/** No Redis is configured: everything works in memory. */
export interface NoneConfig extends CommonConfig {
  readonly kind: 'none'
}

/** The app's own client is used; a role in another database works through a duplicate. */
export interface AdoptedConfig extends CommonConfig {
  readonly kind: 'adopted'
  readonly client: AdoptableClient
  readonly provider: Provider
  readonly heartbeatMs: number | false
  readonly targets: Placements<AdoptedServer>
}

/** Clients are opened, one for each distinct `identity` among the targets. */
export interface OpenedConfig extends CommonConfig {
  /** That of the default role; a role with a URL of its own may differ (`targets[role].server.topology`). */
  readonly kind: 'single' | 'sentinel' | 'cluster'
  /** That of the default role. */
  readonly provider: Provider
  readonly targets: Readonly<Record<Role, Target>>
  /** ioredis options that the app adds; they win over the defaults. */
  readonly ioredis: IoredisExtras
}

export type ConnectionConfig = NoneConfig | AdoptedConfig | OpenedConfig

/**
 * Decides what to connect to, from options, environment and provider table, in this order of precedence.
 * Opens nothing.
 *
 * A server comes whole from one place: where the options name one (`url`, `host`, `cluster`, `sentinel`),
 * the environment's address, user, password, TLS and database are left alone, so that no password is sent
 * to a server it was not meant for. Role databases, role URLs and the key prefix are taken one by one.
 *
 * @throws RedisConfigError, with a code of `redisConfigErrorCodes`
 */
export function resolveConnectionConfig(
  options: RedisConnectionOptions = {},
  environment: Environment = process.env,
): ConnectionConfig {
  const checked = checkOptions(options)
  const env = checked.env === false ? {} : (checked.env ?? environment)
  const named = serverOfOptions(checked)
  const { client } = checked
  const fromEnvironment = readEnvironment(env, { server: named === undefined && client === undefined })
  const notices = [...fromEnvironment.notices]
  if (named !== undefined || client !== undefined) {
    noticeUnusedVariables(named?.source ?? 'The option client', env, notices)
  }
  const common: CommonConfig = {
    bootMode: checked.bootMode,
    bootWaitMs: checked.bootWaitMs,
    deadlineMs: checked.deadlineMs,
    decorateAs: checked.decorateAs,
    keyPrefix: checkKeyPrefix(checked.keyPrefix ?? fromEnvironment.keyPrefix ?? ''),
    notices,
  }
  if (client !== undefined)
    return { ...common, ...adopt(client, checked, fromEnvironment, common, env, notices) }
  const settings = named ?? serverOfEnvironment(checked, fromEnvironment)
  if (settings !== undefined)
    return { ...common, ...open(settings, checked, fromEnvironment, common, env, notices) }
  refuseRolesAlone(checked, fromEnvironment)
  if (checked.bootMode === 'require') throw notConfigured()
  return { ...common, kind: 'none' }
}

function serverOfEnvironment(
  options: CheckedOptions,
  environment: EnvironmentSettings,
): ServerSettings | undefined {
  const settings = environment.server ?? localServer(options)
  return settings === undefined ? undefined : withOptions(settings, options)
}

function open(
  settings: ServerSettings,
  options: CheckedOptions,
  environment: EnvironmentSettings,
  { keyPrefix }: CommonConfig,
  env: Environment,
  notices: Notice[],
): Omit<OpenedConfig, keyof CommonConfig> {
  const server = resolveServer(settings, options, env, notices)
  // Provider and family were named for the server of the app, not for those of single roles.
  const overrides = { connectTimeoutMs: options.connectTimeoutMs, heartbeatMs: options.heartbeatMs }
  const requests = roleRequests(options, environment, (own) => resolveServer(own, overrides, env, notices))
  const home = { server, db: settings.db, source: settings.dbSource ?? settings.source }
  return {
    kind: server.topology,
    provider: server.provider,
    targets: placeRoles(home, requests, keyPrefix, notices),
    ioredis: options.ioredis ?? {},
  }
}

function adopt(
  client: AdoptableClient,
  options: CheckedOptions,
  environment: EnvironmentSettings,
  { keyPrefix }: CommonConfig,
  env: Environment,
  notices: Notice[],
): Omit<AdoptedConfig, keyof CommonConfig> {
  const facts = inspectClient(client, options, env)
  if (facts.keyPrefix !== undefined) {
    const message =
      'The adopted client has a keyPrefix of its own, which SCAN patterns and BullMQ do not know; use the option keyPrefix instead.'
    notices.push(notice('warn', 'STAY_REDIS_NOTICE_CLIENT_KEY_PREFIX', message))
  }
  const requests = roleRequests<AdoptedServer>(options, environment, () => undefined)
  const home = { server: facts.server, db: facts.db, source: 'The adopted client' }
  return {
    kind: 'adopted',
    client,
    provider: facts.server.provider,
    heartbeatMs: options.heartbeatMs ?? facts.server.provider.heartbeatMs,
    targets: placeRoles(home, requests, keyPrefix, notices),
  }
}

function roleRequests<Server extends DatabaseHost>(
  options: CheckedOptions,
  environment: EnvironmentSettings,
  serverOf: (settings: ServerSettings) => Server | undefined,
): Partial<Record<Role, RoleRequest<Server>>> {
  const requests: Partial<Record<Role, RoleRequest<Server>>> = {}
  for (const role of roles) {
    const option = roleOfOptions(options, role)
    const variable = environment.roles[role]
    const settings = option?.server ?? variable?.server
    const isOption = option?.db !== undefined
    // A database of the environment belongs to the server of the environment.
    const db = option?.db ?? (option?.server === undefined ? variable?.db : undefined)
    requests[role] = {
      db,
      server: settings === undefined ? undefined : serverOf(settings),
      serverDb: settings?.db,
      dbSource:
        (isOption ? option.dbSource : db === undefined ? settings?.source : variable?.dbSource) ?? role,
      isOption,
    }
  }
  return requests
}

function noticeUnusedVariables(source: string, env: Environment, notices: Notice[]): void {
  const unused = serverVariables(env)
  if (unused.length === 0) return
  const message = `${source} names the server, so ${unused.join(', ')} of the environment ${unused.length === 1 ? 'is' : 'are'} not used.`
  notices.push(notice('info', 'STAY_REDIS_NOTICE_ENVIRONMENT_IGNORED', message))
}

function checkKeyPrefix(keyPrefix: string): string {
  if (/^[^\s{}*?[\]\\\p{Cc}]*$/u.test(keyPrefix)) return keyPrefix
  throw redisConfigError('STAY_REDIS_CONFIG_INVALID_KEY_PREFIX', {
    what: 'The key prefix holds white space, a control character or one of { } * ? [ ] \\.',
    why: 'Braces choose the slot of a cluster, and the others are wildcards where keys are listed.',
    remedy: 'Use letters, digits and : - _ . such as in shop:.',
  })
}

function refuseRolesAlone(options: CheckedOptions, environment: EnvironmentSettings): void {
  const alone = roles.flatMap(
    (role) => roleOfOptions(options, role)?.server ?? environment.roles[role]?.server ?? [],
  )
  const [first] = alone
  if (first === undefined) return
  throw redisConfigError('STAY_REDIS_CONFIG_NO_DEFAULT_SERVER', {
    what: `${first.source} is set, but no server for the other roles.`,
    why: 'A role without a server of its own uses the default one.',
    remedy: 'Set REDIS_URL (or the option url) too; it may be the same URL.',
  })
}

function notConfigured(): Error {
  return redisConfigError('STAY_REDIS_CONFIG_NOT_CONFIGURED', {
    what: "bootMode is 'require', and no Redis is configured.",
    why: 'The app was told not to start without Redis.',
    remedy: "Set REDIS_URL (or the option url), or use bootMode: 'serve'.",
  })
}
