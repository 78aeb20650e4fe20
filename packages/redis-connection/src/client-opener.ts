import { duplicateSafely, type RedisClient } from '@stayfast/redis-kit'
import { Cluster, Redis } from 'ioredis'
import type { AdoptedServer } from './configuration/adopted-client.js'
import type { AdoptedConfig, OpenedConfig, Target } from './configuration/connection-config.js'
import type { Diagnosis } from './diagnosis/diagnosis.js'
import {
  blockingClusterOptionsFor,
  blockingIoredisOptionsFor,
  clusterOptionsFor,
  ioredisOptionsFor,
} from './configuration/ioredis-options.js'
import type { DatabaseHost, Placement } from './configuration/role-placement.js'
import { ReconnectPolicy } from './reconnect-policy.js'

/** A client that has been opened, on database 0 where there are several. */
export interface OpenedClient {
  readonly client: RedisClient
  readonly diagnose: (cause: unknown) => Diagnosis
  /** Gives the connection up for a reason that someone has to mend; it is tried again seldom. */
  readonly refuse: (cause: Error) => void
  /** Called on each new connection, before anything else is sent. */
  readonly connected: () => void
}

/** Opens the clients of placements, from configuration or from a client that the app has. */
export interface ClientOpener<Server extends DatabaseHost> {
  open(placement: Placement<Server>): OpenedClient
  /** A client for subscriptions; not asked on a Cluster, where the link connects to a single node. */
  openSubscriber(placement: Placement<Server>): RedisClient
  /** A client that may wait for work in Redis; it is on `db` from the start. */
  openBlocking(placement: Placement<Server>, db: number, drainDelaySeconds: number | undefined): RedisClient
  isCluster(placement: Placement<Server>): boolean
  heartbeatMs(placement: Placement<Server>): number | false
}

/** Opens clients from options and environment. */
export class ConfiguredOpener implements ClientOpener<Target['server']> {
  readonly #config: OpenedConfig

  constructor(config: OpenedConfig) {
    this.#config = config
  }

  open(target: Target): OpenedClient {
    const policy = policyOf(target)
    if (this.isCluster(target)) return opened(this.#openCluster(target, policy), policy)
    const client = this.#openSingle(target, policy)
    return opened(client, policy, () => {
      client.options.connectTimeout = target.server.connectTimeoutMs.reconnect
    })
  }

  openSubscriber(target: Target): RedisClient {
    const policy = policyOf(target)
    if (this.isCluster(target)) return this.#openCluster(target, policy)
    return this.#openSingle(target, policy, subscriberOptions)
  }

  openBlocking(target: Target, db: number, drainDelaySeconds: number | undefined): RedisClient {
    const policy = policyOf(target)
    if (this.isCluster(target)) {
      const { nodes, options } = blockingClusterOptionsFor(
        target,
        this.#config,
        reconnectBy(policy),
        drainDelaySeconds,
      )
      return new Cluster(nodes, options)
    }
    const options = blockingIoredisOptionsFor(target, this.#config, reconnectBy(policy), drainDelaySeconds)
    const client = new Redis({ ...options, db })
    policy.attach(client)
    return client
  }

  isCluster({ server }: Target): boolean {
    return server.topology === 'cluster'
  }

  heartbeatMs({ server }: Target): number | false {
    return server.heartbeatMs
  }

  #openSingle(target: Target, policy: ReconnectPolicy, overrides: object = {}): Redis {
    const options = ioredisOptionsFor(target, this.#config, reconnectBy(policy))
    const client = new Redis({ ...options, db: 0, ...overrides })
    policy.attach(client)
    return client
  }

  #openCluster(target: Target, policy: ReconnectPolicy): Cluster {
    const { nodes, options } = clusterOptionsFor(target, this.#config, reconnectBy(policy))
    const client = new Cluster(nodes, options)
    policy.attach(client)
    return client
  }
}

/** Opens duplicates, with safe settings, of a client that the app has. */
export class AdoptedOpener implements ClientOpener<AdoptedServer> {
  readonly #config: AdoptedConfig

  constructor(config: AdoptedConfig) {
    this.#config = config
  }

  open({ server }: Placement<AdoptedServer>): OpenedClient {
    const policy = new ReconnectPolicy({ tls: server.tls, providerId: server.provider.id })
    return opened(this.#duplicate(policy), policy)
  }

  openSubscriber({ server }: Placement<AdoptedServer>): RedisClient {
    const policy = new ReconnectPolicy({ tls: server.tls, providerId: server.provider.id })
    return this.#duplicate(policy, subscriberOptions)
  }

  openBlocking(_placement: Placement<AdoptedServer>, db: number): RedisClient {
    return duplicateSafely(this.#config.client, { db, enableOfflineQueue: true, maxRetriesPerRequest: null })
  }

  #duplicate(policy: ReconnectPolicy, overrides: object = {}): RedisClient {
    const client = duplicateSafely(this.#config.client, { db: 0, ...reconnectBy(policy), ...overrides })
    policy.attach(client)
    return client
  }

  isCluster(): boolean {
    return this.#config.client.isCluster === true
  }

  heartbeatMs(): number | false {
    return this.#config.heartbeatMs
  }
}

// A subscriber subscribes by itself when it is back; ioredis would too, with nobody to catch a failure.
const subscriberOptions = { autoResubscribe: false }

function opened(
  client: RedisClient,
  policy: ReconnectPolicy,
  connected: () => void = () => undefined,
): OpenedClient {
  return {
    client,
    diagnose: (cause) => policy.diagnose(cause),
    refuse: (cause) => {
      policy.refuse(client, cause)
    },
    connected,
  }
}

function policyOf({ server }: Target): ReconnectPolicy {
  return new ReconnectPolicy({ tls: server.tls, providerId: server.provider.id })
}

function reconnectBy({ retryStrategy }: ReconnectPolicy): { retryStrategy: (attempt: number) => number } {
  return { retryStrategy }
}
