import type { PGlite } from '@electric-sql/pglite'
import type { Database, Queryable, Row } from './database.js'

/** The embedded Postgres as a {@link Database}. It has one connection: statements run one after another. */
export class PgliteDatabase implements Database {
  readonly #pglite: PGlite

  constructor(pglite: PGlite) {
    this.#pglite = pglite
  }

  async query(sql: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    const { rows } = await this.#pglite.query<Row>(sql, [...parameters])
    return rows
  }

  async transaction<Result>(work: (transaction: Queryable) => Promise<Result>): Promise<Result> {
    return this.#pglite.transaction((transaction) =>
      work({
        query: async (sql, parameters = []) => (await transaction.query<Row>(sql, [...parameters])).rows,
      }),
    )
  }

  async close(): Promise<void> {
    if (!this.#pglite.closed) await this.#pglite.close()
  }
}
