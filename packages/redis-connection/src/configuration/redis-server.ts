import { createHmac, randomBytes } from 'node:crypto'
import type { ConnectionOptions } from 'node:tls'
import type { AddressFamily, Endpoint } from './connection-url.js'
import type { Credentials } from './credentials.js'
import type { Provider } from './providers.js'
import type { Topology } from './server-settings.js'

/** Everything about a server, settled. */
export interface RedisServerFacts {
  readonly topology: Topology
  readonly endpoints: readonly [Endpoint, ...Endpoint[]]
  readonly masterName: string | undefined
  readonly provider: Provider
  readonly family: AddressFamily
  readonly connectTimeoutMs: { readonly boot: number; readonly reconnect: number }
  readonly heartbeatMs: number | false
  /** undefined: plain. */
  readonly tls: Readonly<ConnectionOptions> | undefined
  readonly credentials: Credentials
  readonly sentinelCredentials: Credentials
}

// Not a plain hash: a weak password could be guessed from one that found its way into a log.
const processKey = randomBytes(32)

/**
 * A server, a cluster or a sentinel group to connect to. Inspecting or serialising it shows neither
 * credentials nor TLS keys: they are private and leave it only by method.
 */
export class RedisServer {
  readonly topology: Topology
  readonly endpoints: readonly [Endpoint, ...Endpoint[]]
  /** The group that sentinels are asked for. */
  readonly masterName: string | undefined
  readonly provider: Provider
  readonly family: AddressFamily
  readonly tls: boolean
  /** Whether the server's certificate is checked. */
  readonly verify: boolean
  readonly connectTimeoutMs: { readonly boot: number; readonly reconnect: number }
  readonly heartbeatMs: number | false
  /** Equal for the same server with the same credentials, in this process only. */
  readonly key: string
  readonly #secrets: Pick<RedisServerFacts, 'tls' | 'credentials' | 'sentinelCredentials'>

  constructor(facts: RedisServerFacts) {
    this.topology = facts.topology
    this.endpoints = facts.endpoints
    this.masterName = facts.masterName
    this.provider = facts.provider
    this.family = facts.family
    this.tls = facts.tls !== undefined
    this.verify = facts.tls !== undefined && facts.tls.rejectUnauthorized !== false
    this.connectTimeoutMs = facts.connectTimeoutMs
    this.heartbeatMs = facts.heartbeatMs
    this.#secrets = facts
    this.key = keyOf(facts)
  }

  /** Only one database can be selected: roles are separated by prefix. */
  get oneDatabase(): boolean {
    return this.topology === 'cluster' || this.provider.databases === 1
  }

  get credentials(): Credentials {
    return this.#secrets.credentials
  }

  get sentinelCredentials(): Credentials {
    return this.#secrets.sentinelCredentials
  }

  /** For the client's options only: it may hold a private key. */
  tlsOptions(): ConnectionOptions | undefined {
    return this.#secrets.tls === undefined ? undefined : { ...this.#secrets.tls }
  }
}

function keyOf(facts: RedisServerFacts): string {
  const { topology, endpoints, masterName, family, tls, credentials, sentinelCredentials } = facts
  const identity = [
    topology,
    endpoints,
    masterName,
    family,
    tls,
    credentials.reveal(),
    sentinelCredentials.reveal(),
  ]
  return createHmac('sha256', processKey).update(JSON.stringify(identity)).digest('hex').slice(0, 32)
}
