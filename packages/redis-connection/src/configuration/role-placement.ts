import { redisConfigError } from '../errors.js'
import { notice, type Notice } from './notice.js'
import { roles, type Role } from '../options.js'

/** What the rules below need to know of a server. */
export interface DatabaseHost {
  /** Equal for the same server with the same credentials. */
  readonly key: string
  readonly oneDatabase: boolean
  readonly provider: { readonly name: string }
}

/** Where a role lives. */
export interface Placement<Server extends DatabaseHost> {
  readonly role: Role
  readonly server: Server
  readonly db: number
  /** The app's prefix, and the role's where it shares a database with another. */
  readonly keyPrefix: string
  /** Equal for the same server, credentials and database: one client serves all roles that share it. */
  readonly identity: string
  /** Someone asked for this database; it is not merely the role's default. */
  readonly explicitDb: boolean
}

export type Placements<Server extends DatabaseHost> = Readonly<Record<Role, Placement<Server>>>

/** What a role was given of its own. */
export interface RoleRequest<Server extends DatabaseHost> {
  readonly server?: Server | undefined
  /** The database in the address of its own server. */
  readonly serverDb?: number | undefined
  readonly db?: number | undefined
  readonly dbSource: string
  /** Whether the database was named in the code; the environment may merely repeat a default. */
  readonly isOption: boolean
}

/** The databases of a server that has several, where nobody names others. */
export const roleDatabases: Readonly<Record<Role, number>> = Object.freeze({
  default: 0,
  cache: 0,
  queue: 1,
  webhook: 2,
})

interface Wish {
  readonly db: number
  readonly source: string
  readonly explicit: boolean
  readonly repeatsDefault: boolean
}

/**
 * Gives every role a database and a prefix.
 *
 * A role's own database comes first, then that of its own server's address, then the one that all roles were
 * put in (`home`), then the role's default. A queue or webhook role that ends up in a database with a role
 * before it is set apart by `queue:` or `webhook:`, so that no two roles ever share their keys.
 *
 * @throws STAY_REDIS_CONFIG_ONE_DATABASE where a server has one database and another was asked for
 */
export function placeRoles<Server extends DatabaseHost>(
  home: { readonly server: Server; readonly db: number | undefined; readonly source: string },
  requests: Readonly<Partial<Record<Role, RoleRequest<Server>>>>,
  keyPrefix: string,
  notices: Notice[],
): Placements<Server> {
  const place = (role: Role): Omit<Placement<Server>, 'keyPrefix'> => {
    const request = requests[role]
    const server = request?.server ?? home.server
    const wish = wishOf(role, server, home, request)
    const db = server.oneDatabase ? confined(wish, server, role, notices) : wish.db
    return { role, server, db, identity: `${server.key}/${db}`, explicitDb: wish.explicit }
  }
  return withPrefixes(
    { default: place('default'), cache: place('cache'), queue: place('queue'), webhook: place('webhook') },
    keyPrefix,
  )
}

/**
 * The placements after a server turned out to have one database: its roles move to database 0 and are set
 * apart by prefix.
 */
export function confineToOneDatabase<Server extends DatabaseHost>(
  placements: Placements<Server>,
  server: DatabaseHost,
  keyPrefix: string,
): Placements<Server> {
  const confine = (role: Role): Placement<Server> => {
    const placement = placements[role]
    return placement.server.key === server.key
      ? { ...placement, db: 0, identity: `${server.key}/0` }
      : placement
  }
  return withPrefixes(
    {
      default: confine('default'),
      cache: confine('cache'),
      queue: confine('queue'),
      webhook: confine('webhook'),
    },
    keyPrefix,
  )
}

function wishOf<Server extends DatabaseHost>(
  role: Role,
  server: Server,
  home: { readonly db: number | undefined; readonly source: string },
  request: RoleRequest<Server> | undefined,
): Wish {
  if (request?.db !== undefined) {
    const repeatsDefault = !request.isOption && request.db === roleDatabases[role]
    return { db: request.db, source: request.dbSource, explicit: true, repeatsDefault }
  }
  const implicit = { source: home.source, explicit: false, repeatsDefault: false }
  if (request?.server !== undefined) {
    return {
      ...implicit,
      db: request.serverDb ?? 0,
      explicit: request.serverDb !== undefined,
      source: request.dbSource,
    }
  }
  if (home.db !== undefined) return { ...implicit, db: home.db, explicit: role === 'default' }
  return { ...implicit, db: server.oneDatabase ? 0 : roleDatabases[role] }
}

function confined(wish: Wish, server: DatabaseHost, role: Role, notices: Notice[]): number {
  if (wish.db === 0) return 0
  if (wish.repeatsDefault) {
    const message = `${wish.source}=${wish.db} is not used: ${server.provider.name} has one database, so the ${role} role is set apart by prefix.`
    notices.push(notice('info', 'STAY_REDIS_NOTICE_ROLES_SHARE_DATABASE', message))
    return 0
  }
  throw redisConfigError('STAY_REDIS_CONFIG_ONE_DATABASE', {
    what: `${wish.source} asks for database ${wish.db}, and ${server.provider.name} has database 0 only.`,
    why: 'SELECT is refused there or does nothing, and everything would be written to database 0 in silence.',
    remedy:
      'Leave the database out: roles are set apart by key prefix. For a server of its own give the role a URL.',
  })
}

function withPrefixes<Server extends DatabaseHost>(
  placements: Readonly<Record<Role, Omit<Placement<Server>, 'keyPrefix'>>>,
  keyPrefix: string,
): Placements<Server> {
  const prefixed = (role: Role): Placement<Server> => {
    const placement = placements[role]
    const shares = roles
      .slice(0, roles.indexOf(role))
      .some((earlier) => placements[earlier].identity === placement.identity)
    // The default role and the cache name their keys apart already, and operators look for those names.
    const own = shares && (role === 'queue' || role === 'webhook') ? `${role}:` : ''
    return { ...placement, keyPrefix: `${keyPrefix}${own}` }
  }
  return Object.freeze({
    default: prefixed('default'),
    cache: prefixed('cache'),
    queue: prefixed('queue'),
    webhook: prefixed('webhook'),
  })
}
