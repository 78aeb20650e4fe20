import type { RedisClient } from '@stayfast/redis-kit'
import { setClientOption } from './client-option.js'
import { redisConfigError } from './errors.js'
import type { Role } from './options.js'

/** Where a role's keys go once the server has been asked. */
export type DatabaseSelection =
  { readonly kind: 'unknown' } | { readonly kind: 'database' } | { readonly kind: 'prefix' }

/** What a role wants. */
export interface DatabaseWish {
  readonly role: Role
  readonly db: number
  /** Somebody asked for this database: another one would be the wrong one. */
  readonly explicit: boolean
}

async function trySelect(client: RedisClient, db: number): Promise<Error | undefined> {
  try {
    await client.select(db)
    return undefined
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError') return error
    throw error
  }
}

/**
 * Selects a database on a connection that was opened on database 0, and finds out by that whether the
 * server has it. Opened on the wanted one, ioredis reports the server's refusal as a mere event,
 * becomes ready all the same, and writes to database 0.
 *
 * Once the server has agreed, the client selects the database itself whenever it reconnects.
 *
 * @returns Whether the role lives in its database, or in database 0 behind a prefix.
 * @throws STAY_REDIS_CONFIG_ONE_DATABASE where the database was asked for, or had been there before.
 */
export async function selectDatabase(
  client: RedisClient,
  wish: DatabaseWish,
  known: DatabaseSelection,
): Promise<DatabaseSelection> {
  if (wish.db === 0) return { kind: 'database' }
  if (known.kind === 'prefix') return known
  // Told beforehand: a connection that is lost while it waits for the answer comes back with the database
  // that it had asked for, and ioredis then selects that by itself, with nobody to catch a refusal.
  setClientOption(client, 'db', wish.db)
  const refusal = await trySelect(client, wish.db)
  if (refusal === undefined) return { kind: 'database' }
  setClientOption(client, 'db', 0)
  if (wish.explicit || known.kind === 'database') {
    throw redisConfigError('STAY_REDIS_CONFIG_ONE_DATABASE', {
      what: `The server refuses database ${wish.db}, which the ${wish.role} role was given.`,
      why: 'Everything would be written to database 0 in silence.',
      remedy: 'Leave the database out: roles are then set apart by key prefix.',
      cause: refusal,
    })
  }
  // ioredis remembers the database it last asked for, refused or not, and would ask for it again.
  await trySelect(client, 0)
  return { kind: 'prefix' }
}
