import { duplicateSafely, type RedisClient } from '@stayfast/redis-kit'
import { Cluster, Redis } from 'ioredis'
import type { AdoptedServer } from './configuration/adopted-client.js'
import type { AdoptedConfig, OpenedConfig, Target } from './configuration/connection-config.js'
import type { Diagnosis } from './diagnosis/diagnosis.js'
import {
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
  /** Called on each new connection, before anything else is sent. */
  readonly connected: () => void
}

/** Opens the clients of placements, from configuration or from a client that the app has. */
export interface ClientOpener<Server extends DatabaseHost> {
  open(placement: Placement<Server>): OpenedClient
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
    const diagnose = (cause: unknown): Diagnosis => policy.diagnose(cause)
    if (this.isCluster(target)) {
      return { client: this.#openCluster(target, policy), diagnose, connected: () => undefined }
    }
    const client = new Redis({
      ...ioredisOptionsFor(target, this.#config, reconnectBy(policy)),
      db: 0,
    })
    policy.attach(client)
    return {
      client,
      diagnose,
      connected: () => {
        client.options.connectTimeout = target.server.connectTimeoutMs.reconnect
      },
    }
  }

  openBlocking(target: Target, db: number, drainDelaySeconds: number | undefined): RedisClient {
    const policy = policyOf(target)
    if (this.isCluster(target)) return this.#openCluster(target, policy)
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

  #openCluster(target: Target, policy: ReconnectPolicy): Cluster {
    const { nodes, options } = clusterOptionsFor(target, this.#config, reconnectBy(policy))
    return new Cluster(nodes, options)
  }
}

/** Opens duplicates, with safe settings, of a client that the app has. */
export class AdoptedOpener implements ClientOpener<AdoptedServer> {
  readonly #config: AdoptedConfig

  constructor(config: AdoptedConfig) {
    this.#config = config
  }

  open({ server }: Placement<AdoptedServer>): OpenedClient {
    const policy = new ReconnectPolicy({ tls: false, providerId: server.provider.id })
    const client = duplicateSafely(this.#config.client, { db: 0 })
    policy.attach(client)
    return { client, diagnose: (cause) => policy.diagnose(cause), connected: () => undefined }
  }

  openBlocking(_placement: Placement<AdoptedServer>, db: number): RedisClient {
    return duplicateSafely(this.#config.client, { db, enableOfflineQueue: true, maxRetriesPerRequest: null })
  }

  isCluster(): boolean {
    return this.#config.client.isCluster === true
  }

  heartbeatMs(): number | false {
    return this.#config.heartbeatMs
  }
}

function policyOf({ server }: Target): ReconnectPolicy {
  return new ReconnectPolicy({ tls: server.tls, providerId: server.provider.id })
}

function reconnectBy({ retryStrategy }: ReconnectPolicy): { retryStrategy: (attempt: number) => number } {
  return { retryStrategy }
}
