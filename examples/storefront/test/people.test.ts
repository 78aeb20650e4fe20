import t from 'tap'
import { setDemoUsers } from '../dist/accounts/demo-users.js'
import { Users } from '../dist/accounts/users.js'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { checkoutContract } from './contract/checkout-contract.js'

const database = await openCatalogue({ kind: 'memory' }, (error) => {
  throw error
})
t.teardown(() => database.close())
const users = new Users(database)

t.test('the demo users have the password of the last start', async (t) => {
  await setDemoUsers(database, 'first password')
  await setDemoUsers(database, 'second password')
  t.equal(await users.find('vendor-1@demo.test', 'first password'), undefined)
  t.strictSame(await users.find(' Vendor-1@Demo.test ', 'second password'), {
    id: 'demo-vendor-1',
    email: 'vendor-1@demo.test',
    vendorId: 'vendor-1',
    roles: ['vendor'],
  })
  t.match(await users.find('admin@demo.test', 'second password'), {
    id: 'demo-admin',
    vendorId: null,
    roles: ['admin'],
  })
})

t.test('an unknown address and an empty password are nobody', async (t) => {
  await setDemoUsers(database, 'a password')
  t.equal(await users.find('nobody@demo.test', 'a password'), undefined)
  t.equal(await users.find('vendor-1@demo.test', ''), undefined)
  t.equal(await users.find("' or true --", 'a password'), undefined)
})

t.test('without a password nobody signs in, whoever could before', async (t) => {
  await setDemoUsers(database, 'a password')
  await setDemoUsers(database, undefined)
  t.equal(await users.find('vendor-1@demo.test', 'a password'), undefined)
  t.equal(await users.find('vendor-1@demo.test', ''), undefined)
})

checkoutContract(t, database)
