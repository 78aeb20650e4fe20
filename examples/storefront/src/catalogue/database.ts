/** One row as the driver hands it over; read it with the functions of `row.ts`. */
export type Row = Readonly<Record<string, unknown>>

/** What the repositories ask questions of: a database, or one transaction of it. */
export interface Queryable {
  /** Runs one statement with its `$1`, `$2`, … and answers its rows. */
  query(sql: string, parameters?: readonly unknown[]): Promise<readonly Row[]>
}

/** A Postgres, embedded in this process or reached over the network. */
export interface Database extends Queryable {
  /**
   * Runs `work` in one transaction: committed when it resolves, rolled back when it rejects. Where two of them
   * waited for each other one is run again, so that `work` does nothing but ask the transaction.
   */
  transaction<Result>(work: (transaction: Queryable) => Promise<Result>): Promise<Result>
  close(): Promise<void>
}
