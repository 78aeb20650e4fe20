import type { Database } from './database.js'
import { text } from './row.js'

export class Vendors {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** The vendor's name, or undefined where the catalogue knows no such vendor. */
  async nameOf(vendorId: string): Promise<string | undefined> {
    const [row] = await this.#database.query('select name from storefront.vendors where id = $1', [vendorId])
    return row && text(row, 'name')
  }
}
