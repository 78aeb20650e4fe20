import { OffLink, type LinkStatus, type RedisClient, type RedisLink } from '@stayfast/redis-kit'
import type { Cluster, Redis } from 'ioredis'
import { ConnectionCheck, type ConnectionCheckResult } from './connection-check.js'
import { redisConnectionError } from './errors.js'
import { checkRole, type Role } from './options.js'
import type { RoleLinks, RoleServer } from './role-links.js'
import type { ServerFacts } from './server-facts.js'

/** Who runs the Redis. */
export interface ProviderName {
  /** Such as `'upstash'`, `'local'` or `'unknown'`; `'none'` when no Redis is configured. */
  readonly id: string
  readonly name: string
}

/** `app.redisConnection`. */
export interface RedisConnection {
  /** The client of the default role, the same as `app.redis`; undefined when no Redis is configured. */
  readonly client: Redis | Cluster | undefined
  /** Of the default role. */
  readonly status: LinkStatus
  readonly provider: ProviderName
  /** What the server of the default role says of itself; undefined until it was reached. */
  readonly facts: ServerFacts | undefined

  /**
   * The link of a role; the connection is opened when it is first asked for.
   *
   * @param role - `'default'`, `'cache'`, `'queue'` or `'webhook'`.
   * @throws STAY_REDIS_CONFIG_OUT_OF_RANGE when there is no such role.
   */
  link(role?: Role): RedisLink

  /**
   * How Redis is doing, within 50 ms, whatever Redis does; measured at most twice a second however often it
   * is asked, and where commands are billed once a heartbeat.
   */
  check(): Promise<ConnectionCheckResult>

  /**
   * A further client that may wait for work in Redis, as queue workers do. It is closed with the app.
   *
   * @throws STAY_REDIS_NOT_CONFIGURED without Redis, STAY_REDIS_NOT_UP while the role's link is not `up`.
   */
  blockingClient(role: Role, options?: { readonly drainDelaySeconds?: number }): RedisClient

  close(): Promise<void>
}

/** A connection of an app that has no Redis. */
export class NoConnection implements RedisConnection {
  readonly client = undefined
  readonly status: LinkStatus = 'off'
  readonly provider: ProviderName = { id: 'none', name: 'none' }
  readonly facts = undefined
  readonly #links = new Map<Role, RedisLink>()

  link(role: Role = 'default'): RedisLink {
    checkRole(role)
    const link = this.#links.get(role) ?? new OffLink(role)
    this.#links.set(role, link)
    return link
  }

  check(): Promise<ConnectionCheckResult> {
    return Promise.resolve({ status: 'disabled', connected: false, latencyMs: null })
  }

  blockingClient(role: Role): RedisClient {
    throw redisConnectionError('STAY_REDIS_NOT_CONFIGURED', {
      what: `There is no client for the ${role} role.`,
      why: 'No Redis is configured.',
      remedy: 'Set REDIS_URL.',
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}

/** A connection to a Redis that may or may not be there. */
export class OpenedConnection<Server extends RoleServer> implements RedisConnection {
  readonly client: Redis | Cluster
  readonly provider: ProviderName
  readonly #links: RoleLinks<Server>
  readonly #check: ConnectionCheck

  constructor(
    client: Redis | Cluster,
    server: RoleServer,
    links: RoleLinks<Server>,
    heartbeatMs: number | false,
  ) {
    this.client = client
    this.provider = { id: server.provider.id, name: server.provider.name }
    this.#links = links
    this.#check = new ConnectionCheck(
      links.link('default'),
      heartbeatMs,
      () => links.opened('default').roundTripMs,
    )
  }

  get status(): LinkStatus {
    return this.#links.link('default').status
  }

  get facts(): ServerFacts | undefined {
    return this.#links.opened('default').facts
  }

  link(role: Role = 'default'): RedisLink {
    checkRole(role)
    return this.#links.link(role)
  }

  check(): Promise<ConnectionCheckResult> {
    return this.#check.run()
  }

  blockingClient(role: Role, options: { readonly drainDelaySeconds?: number } = {}): RedisClient {
    return this.#links.blocking(role, options.drainDelaySeconds)
  }

  close(): Promise<void> {
    return this.#links.close()
  }
}
