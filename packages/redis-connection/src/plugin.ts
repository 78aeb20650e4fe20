import type { LinkState } from '@stayfast/redis-kit'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import type { Cluster, Redis } from 'ioredis'
import { bootWait } from './boot-wait.js'
import { AdoptedOpener, ConfiguredOpener, type ClientOpener } from './client-opener.js'
import {
  resolveConnectionConfig,
  type AdoptedConfig,
  type OpenedConfig,
} from './configuration/connection-config.js'
import { ConnectionLog } from './connection-log.js'
import { NoConnection, OpenedConnection, type RedisConnection } from './connection.js'
import { redisConnectionError } from './errors.js'
import { handOver } from './hand-over.js'
import { roles, type RedisConnectionOptions } from './options.js'
import { RoleLinks, type RoleServer } from './role-links.js'
import type { Placements } from './configuration/role-placement.js'

declare module 'fastify' {
  interface FastifyInstance {
    redisConnection: RedisConnection
  }
}

/** With `bootMode: 'require'` the start waits this long before it fails. */
const requiredWithinMs = 10_000

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
  app.decorate(config.decorateAs, connection)
  app.addHook('onClose', async () => {
    log.stop()
    await connection.close()
  })
  if (config.kind !== 'adopted') await handOver(app, client)

  const link = connection.link('default')
  if (config.bootMode === 'require') {
    const mends = (state: LinkState): boolean => 'cause' in state && diagnose(state.cause).retry === 'slow'
    if (!(await bootWait(link, requiredWithinMs, mends))) {
      throw redisConnectionError('STAY_REDIS_REQUIRED', {
        what: 'Redis cannot be reached.',
        why: 'cause' in link.state ? log.describe(link.state.cause) : 'It did not answer.',
        remedy: "Start Redis, or use bootMode: 'serve' to start without it.",
      })
    }
  } else {
    await bootWait(link, config.bootWaitMs, ({ status }) => status === 'down')
  }
  log.started(link, connection.provider.id)
}
