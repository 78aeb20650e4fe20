import pg from 'pg'
import { CatalogueUnavailableError } from '../errors.js'
import type { Database, Queryable, Row } from './database.js'

const QUERY_TIMEOUT_MS = 10_000
/**
 * No less: the pool counts the wait for a connection that others use as well, and where many buy the same
 * product all of them are in use for as long as a statement may wait.
 */
const CONNECT_TIMEOUT_MS = QUERY_TIMEOUT_MS

const MOST_ATTEMPTS = 5
const DEADLOCK = '40P01'

/** SQLSTATE classes and codes that speak of the server and not of the statement: 08 connection, 53 resources. */
const SERVER_TROUBLE = /^(?:08|53|57P0[1-5])/

/** A Postgres over the network, through a pool. A server that is away or silent is a coded 503. */
export class PostgresDatabase implements Database {
  readonly #pool: pg.Pool
  readonly #onBrokenConnection: (error: Error) => void

  /** @param onBrokenConnection told when a connection breaks; the pool replaces it by itself. */
  constructor(url: string, onBrokenConnection: (error: Error) => void) {
    this.#onBrokenConnection = onBrokenConnection
    this.#pool = new pg.Pool({
      connectionString: url,
      application_name: 'storefront',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
    })
    this.#pool.on('error', onBrokenConnection)
  }

  async query(sql: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    return asked(() => rowsOf(this.#pool, sql, parameters))
  }

  async transaction<Result>(work: (transaction: Queryable) => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(work)
      } catch (error) {
        if (attempt === MOST_ATTEMPTS || !isDeadlock(error)) throw error
      }
    }
  }

  async close(): Promise<void> {
    if (!this.#pool.ended) await this.#pool.end()
  }

  async #attempt<Result>(work: (transaction: Queryable) => Promise<Result>): Promise<Result> {
    const client = await asked(() => this.#pool.connect())
    // A connection that breaks also fails the statement under way; without a listener it would end the process.
    client.on('error', this.#onBrokenConnection)
    let unusable = false
    try {
      await asked(() => client.query('begin'))
      const result = await work({
        query: (sql, parameters = []) => asked(() => rowsOf(client, sql, parameters)),
      })
      await asked(() => client.query('commit'))
      return result
    } catch (error) {
      unusable = error instanceof CatalogueUnavailableError || !(await rolledBack(client))
      throw error
    } finally {
      client.off('error', this.#onBrokenConnection)
      client.release(unusable)
    }
  }
}

/** Postgres has undone one of the transactions that waited for each other, so that it can be done again. */
function isDeadlock(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === DEADLOCK
}

async function rowsOf(
  target: Pick<pg.ClientBase, 'query'>,
  sql: string,
  parameters: readonly unknown[],
): Promise<readonly Row[]> {
  const { rows } = await target.query<Row>(sql, [...parameters])
  return rows
}

/** A connection that cannot even roll back must not go back to the pool with its transaction open. */
async function rolledBack(client: pg.PoolClient): Promise<boolean> {
  try {
    await client.query('rollback')
    return true
  } catch {
    return false
  }
}

/** What the server said about a statement passes; that it said nothing, or that it is going away, is ours to name. */
async function asked<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    const aboutStatement = error instanceof pg.DatabaseError && !SERVER_TROUBLE.test(error.code ?? '')
    if (aboutStatement) throw error
    throw new CatalogueUnavailableError({ cause: error })
  }
}
