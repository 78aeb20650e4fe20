import type { Database, Row } from '../catalogue/database.js'
import { text } from '../catalogue/row.js'
import { isPassword } from './passwords.js'

export interface User {
  id: string
  email: string
  /** The vendor whose data the user works on; null for who belongs to none, such as an admin. */
  vendorId: string | null
  roles: readonly string[]
}

/** Who may sign in. */
export class Users {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** The user with that e-mail address and password, or undefined: which of the two is wrong is not told. */
  async find(email: string, password: string): Promise<User | undefined> {
    const [row] = await this.#database.query(
      'select id, email, vendor_id, roles, password_hash from storefront.users where email = $1',
      [email.trim().toLowerCase()],
    )
    const passwordHash = row?.['password_hash']
    const known = typeof passwordHash === 'string' ? passwordHash : undefined
    const right = await isPassword(password, known)
    return row !== undefined && right ? toUser(row) : undefined
  }
}

function toUser(row: Row): User {
  const vendorId = row['vendor_id']
  return {
    id: text(row, 'id'),
    email: text(row, 'email'),
    vendorId: typeof vendorId === 'string' ? vendorId : null,
    roles: text(row, 'roles').split(','),
  }
}
