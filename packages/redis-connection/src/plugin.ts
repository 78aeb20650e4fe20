import { bootWait, type LinkState, type RedisLink } from '@stayfast/redis-kit'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Cluster, Redis } from 'ioredis'
import { AdoptedOpener, ConfiguredOpener, type ClientOpener } from './client-opener.js'
import {
  resolveConnectionConfig,
  type AdoptedConfig,
  type OpenedConfig,
} from './configuration/connection-config.js'
import { ConnectionLog } from './connection-log.js'
import { NoConnection, OpenedConnection, type RedisConnection } from './connection.js'
import { redisConfigError, redisConnectionError } from './errors.js'
import { handOver } from './hand-over.js'
import { defaultOptions, roles, type RedisConnectionOptions } from './options.js'
import { RoleLinks, type RoleServer } from './role-links.js'
import type { Placements } from './configuration/role-placement.js'

declare module 'fastify' {
  interface FastifyInstance {
    redisConnection: RedisConnection
  }
}

/** With `bootMode: 'require'` the start waits this long before it fails, where Fastify sets no limit. */
const requiredWithinMs = 30_000

/**
 * Finds, opens, watches and closes Redis. The app starts and serves without it, whether none is
 * configured, it is down, or it goes away later; see {@link RedisConnectionOptions}.
 *
 * Decorates `app.redisConnection`, and `app.redis` through \@fastify/redis when a Redis is configured.
 *
 * @throws Errors whose codes begin with STAY_REDIS_CONFIG_ when the configuration is wrong, and
 *   STAY_REDIS_REQUIRED when `bootMode` is `'require'` and Redis cannot be reached.
 */
export const redisConnection: (app: FastifyInstance, options: RedisConnectionOptions) => Promise<void> = fp(
  register,
  { name: '@stayfast/redis-connection', fastify: '5.x' },
)

async function register(app: FastifyInstance, options: RedisConnectionOptions): Promise<void> {
  const config = resolveConnectionConfig(options)
  for (const { level, code, message } of config.notices) app.log[level]({ code }, message)
  switch (config.kind) {
    case 'none':
      noRedis(app, config.decorateAs)
      break
    case 'adopted':
      await start(app, config, config.targets, new AdoptedOpener(config))
      break
    default:
      await start(app, config, config.targets, new ConfiguredOpener(config))
  }
}

function noRedis(app: FastifyInstance, decorateAs: string): void {
  const line = 'redis-connection: none configured; set REDIS_URL to share and keep data'
  if (process.env['NODE_ENV'] === 'production') app.log.warn(line)
  else app.log.info(line)
  app.decorate(decorateAs, new NoConnection())
}

async function start<Server extends RoleServer>(
  app: FastifyInstance,
  config: AdoptedConfig | OpenedConfig,
  placements: Placements<Server>,
  opener: ClientOpener<Server>,
): Promise<void> {
  const handsOver = config.kind !== 'adopted' && decidesToHandOver(app, config.decorateAs)
  const log = new ConnectionLog(app.log, ({ role }) =>
    roles.filter((other) => placements[other].server.key === placements[role].server.key),
  )
  const links = new RoleLinks(placements, opener, config.deadlineMs, log)
  const { client: opened, diagnose } = links.opened('default')
  // Both openers open ioredis clients; the link itself asks for less.
  const client = (config.kind === 'adopted' ? config.client : opened) as Redis | Cluster
  const connection = new OpenedConnection(
    client,
    placements.default.server,
    links,
    opener.heartbeatMs(placements.default),
  )
  const close = async (): Promise<void> => {
    log.stop()
    await connection.close()
  }
  try {
    app.decorate(config.decorateAs, connection)
    app.addHook('onClose', close)
    if (handsOver) await handOver(app, client)
    const link = connection.link('default')
    if (config.bootMode === 'require') {
      await requireUp(link, withinMs(app), log, ({ cause }) => diagnose(cause).retry === 'slow')
    } else {
      await bootWait(link, config.bootWaitMs, ({ status }) => status === 'down')
    }
    log.started(link, connection.provider.name)
  } catch (error) {
    // An app that failed to start is not always closed, and must not be kept running by our sockets.
    await close()
    throw error
  }
}

/** A second connection of an app has its own name, and leaves `app.redis` to the first. */
function decidesToHandOver(app: FastifyInstance, decorateAs: string): boolean {
  if (!app.hasDecorator('redis')) return true
  if (decorateAs !== defaultOptions.decorateAs) return false
  throw redisConfigError('STAY_REDIS_CONFIG_CONFLICT', {
    what: 'There is an app.redis already.',
    why: 'Without the option client, the plugin opens a client of its own and decorates it so.',
    remedy: 'Pass the one that is there, { client: app.redis }, or let this plugin alone make it.',
  })
}

/** Before Fastify itself ends the wait with an error that says less. */
function withinMs(app: FastifyInstance): number {
  const { pluginTimeout } = app.initialConfig
  return pluginTimeout ? Math.max(pluginTimeout - 1000, pluginTimeout / 2) : requiredWithinMs
}

async function requireUp(
  link: RedisLink,
  waitMs: number,
  log: ConnectionLog,
  isHopeless: (state: LinkState & { readonly cause: Error }) => boolean,
): Promise<void> {
  if (await bootWait(link, waitMs, (state) => 'cause' in state && isHopeless(state), waitMs)) return
  const { state } = link
  throw redisConnectionError('STAY_REDIS_REQUIRED', {
    what: 'Redis cannot be reached.',
    why: 'cause' in state ? log.describe(state.cause) : 'It did not answer.',
    remedy: "Start Redis, or use bootMode: 'serve' to start without it.",
    cause: 'cause' in state ? state.cause : undefined,
  })
}
