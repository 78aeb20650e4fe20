import type { Database } from '../catalogue/database.js'
import { hashPassword } from './passwords.js'

const vendorIds = ['vendor-1', 'vendor-2', 'vendor-3']

const demoUsers = [
  { id: 'demo-admin', email: 'admin@demo.test', vendorId: null, roles: 'admin' },
  ...vendorIds.map((vendorId) => ({
    id: `demo-${vendorId}`,
    email: `${vendorId}@demo.test`,
    vendorId,
    roles: 'vendor',
  })),
]

/**
 * Makes the demo's users, with that password. Without one nobody can sign in as them: their passwords of
 * an earlier start are taken away, which is what production wants.
 */
export async function setDemoUsers(database: Database, password: string | undefined): Promise<void> {
  const passwordHash = password === undefined ? null : await hashPassword(password)
  await database.query(
    `insert into storefront.users (id, email, vendor_id, roles, password_hash)
     select id, email, vendor_id, roles, $5 from unnest($1::text[], $2::text[], $3::text[], $4::text[])
       as demo (id, email, vendor_id, roles)
     on conflict (id) do update set password_hash = excluded.password_hash`,
    [
      demoUsers.map(({ id }) => id),
      demoUsers.map(({ email }) => email),
      demoUsers.map(({ vendorId }) => vendorId),
      demoUsers.map(({ roles }) => roles),
      passwordHash,
    ],
  )
}
