import { ClientLink, SharedLink, type RedisClient, type RedisLink } from '@stayfast/redis-kit'
import { performance } from 'node:perf_hooks'
import type { ClientOpener } from './client-opener.js'
import { selectDatabase, type DatabaseSelection } from './database-selection.js'
import type { Diagnosis } from './diagnosis/diagnosis.js'
import { redisConnectionError } from './errors.js'
import type { Role } from './options.js'
import type { Provider } from './configuration/providers.js'
import type { DatabaseHost, Placement, Placements } from './configuration/role-placement.js'
import { readServerFacts, type ServerFacts } from './server-facts.js'

/** A server that roles can live on. */
export interface RoleServer extends DatabaseHost {
  readonly provider: Provider
}

/** A connection, and what is known of it. */
export interface OpenedLink {
  readonly link: ClientLink
  readonly client: RedisClient
  readonly role: Role
  /** Undefined until the server has been asked. */
  readonly facts: ServerFacts | undefined
  /** How long the server took to tell its facts; undefined until it has. */
  readonly roundTripMs: number | undefined
  readonly diagnose: (cause: unknown) => Diagnosis
}

/** Told when something becomes known. */
export interface RoleLinksEvents {
  opened(opened: OpenedLink): void
  factsKnown(opened: OpenedLink, facts: ServerFacts): void
  /** The server turned out to have one database: the role lives in it behind this prefix. */
  prefixChosen(role: Role, keyPrefix: string): void
}

/**
 * The connections of an app: one for each distinct server and database, opened when a role first asks
 * for it, and shared by the roles that live there.
 */
export class RoleLinks<Server extends RoleServer> {
  readonly #placements: Placements<Server>
  readonly #opener: ClientOpener<Server>
  readonly #deadlineMs: number
  readonly #events: RoleLinksEvents
  readonly #opened = new Map<string, RoleConnection<Server>>()
  readonly #links = new Map<Role, RedisLink>()
  readonly #blocking = new Set<RedisClient>()
  #closed = false

  constructor(
    placements: Placements<Server>,
    opener: ClientOpener<Server>,
    deadlineMs: number,
    events: RoleLinksEvents,
  ) {
    this.#placements = placements
    this.#opener = opener
    this.#deadlineMs = deadlineMs
    this.#events = events
  }

  /** The connection of a role, opened if it was not. */
  opened(role: Role): OpenedLink {
    return this.#connection(role)
  }

  link(role: Role): RedisLink {
    const existing = this.#links.get(role)
    if (existing !== undefined) return existing
    const { link } = this.#connection(role)
    const placement = this.#placements[role]
    const own =
      link.name === role
        ? link
        : new SharedLink(role, link, {
            keyPrefix: () => placement.keyPrefix,
            channelPrefix: channelPrefixOf(placement),
          })
    this.#links.set(role, own)
    return own
  }

  /**
   * A client that may wait for work in Redis, such as a queue worker's; closed with the rest.
   *
   * @throws STAY_REDIS_NOT_UP while the link is not `up`: until then nobody knows the role's database.
   */
  blocking(role: Role, drainDelaySeconds?: number): RedisClient {
    const connection = this.#connection(role)
    if (connection.link.status !== 'up') {
      throw redisConnectionError('STAY_REDIS_NOT_UP', {
        what: `The connection of the ${role} role is ${connection.link.status}.`,
        why: 'A worker needs to know the database, which is known once Redis has been reached.',
        remedy: `Wait for app.redisConnection.link('${role}') to be up: its onChange tells when.`,
      })
    }
    const client = this.#opener.openBlocking(this.#placements[role], connection.database, drainDelaySeconds)
    client.on('error', () => undefined)
    client.on('end', () => this.#blocking.delete(client))
    this.#blocking.add(client)
    return client
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const client of this.#blocking) client.disconnect()
    await Promise.all([...this.#opened.values()].map(({ link }) => link.close()))
  }

  #connection(role: Role): RoleConnection<Server> {
    const placement = this.#placements[role]
    const known = this.#opened.get(placement.identity)
    if (known !== undefined) return known
    const connection = new RoleConnection(placement, this.#opener, this.#deadlineMs, this.#events)
    this.#opened.set(placement.identity, connection)
    if (this.#closed) void connection.link.close()
    else this.#events.opened(connection)
    return connection
  }
}

/** Channels are common to all databases of a server, so the database is part of the name. */
function channelPrefixOf({ keyPrefix, db }: Pick<Placement<DatabaseHost>, 'keyPrefix' | 'db'>): string {
  return `${keyPrefix}db${db}:`
}

/** One client with its link, from opening over the choice of the database to the server's facts. */
class RoleConnection<Server extends RoleServer> implements OpenedLink {
  readonly link: ClientLink
  readonly client: RedisClient
  readonly role: Role
  facts: ServerFacts | undefined
  roundTripMs: number | undefined
  readonly diagnose: (cause: unknown) => Diagnosis
  readonly #placement: Placement<Server>
  readonly #events: RoleLinksEvents
  #selection: DatabaseSelection = { kind: 'unknown' }

  constructor(
    placement: Placement<Server>,
    opener: ClientOpener<Server>,
    deadlineMs: number,
    events: RoleLinksEvents,
  ) {
    const { role, keyPrefix } = placement
    const { provider } = placement.server
    const cluster = opener.isCluster(placement)
    const { client, diagnose, refuse, connected } = opener.open(placement)
    this.#placement = placement
    this.#events = events
    this.role = role
    this.client = client
    this.diagnose = diagnose
    this.link = new ClientLink({
      name: role,
      client,
      owned: true,
      deadlineMs,
      heartbeatMs: opener.heartbeatMs(placement),
      traits: { cluster, billedByCommand: provider.billedByCommand, provider: provider.id },
      keyPrefix: () => (this.#selection.kind === 'prefix' ? `${keyPrefix}${role}:` : keyPrefix),
      channelPrefix: channelPrefixOf(placement),
      openSubscriber: () => opener.openSubscriber(placement),
      prepare: async () => {
        connected()
        try {
          if (!cluster) await this.#select()
          await this.#learn()
        } catch (error) {
          // What the app sent through a connection that was refused would land in a wrong place, or nowhere.
          if (error instanceof Error && diagnose(error).retry === 'slow') refuse(error)
          throw error
        }
      },
    })
  }

  /** The database that the connection is on; only meaningful once the link has been up. */
  get database(): number {
    return this.#selection.kind === 'database' ? this.#placement.db : 0
  }

  async #select(): Promise<void> {
    const { role, db, explicitDb: explicit } = this.#placement
    const before = this.#selection.kind
    this.#selection = await selectDatabase(this.client, { role, db, explicit }, this.#selection)
    if (this.#selection.kind === 'prefix' && before !== 'prefix') {
      this.#events.prefixChosen(role, this.link.keyPrefix)
    }
  }

  /** Asked on each connection: behind the same address there may be another server after a failover. */
  async #learn(): Promise<void> {
    const startedMs = performance.now()
    const known = this.facts
    const facts = await readServerFacts(this.client)
    this.roundTripMs = performance.now() - startedMs
    if (facts === undefined) return
    if (facts.loading) throw new Error('LOADING Redis is loading the dataset in memory')
    this.facts = facts
    if (known?.evictionPolicy !== facts.evictionPolicy || known?.mode !== facts.mode) {
      this.#events.factsKnown(this, facts)
    }
  }
}
