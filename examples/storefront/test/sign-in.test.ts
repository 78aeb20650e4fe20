import { type LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { hashPassword } from '../dist/accounts/passwords.js'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { DEMO_PASSWORD } from './demo-password.js'
import { openStorefront } from './open-storefront.js'
import { StorefrontClient } from './storefront-client.js'
import { tenantRoutes } from './tenant-routes.js'

const own = '00000000-0000-4000-8000-000000000001'
const others = '00000000-0000-4000-8000-000000000002'

const app = await openStorefront(t)
await new StorefrontClient(app, others).open()
const shop = await new StorefrontClient(app, own).open()
const visitor = new StorefrontClient(app, own)

t.test('signing in answers who it is, signing out ends it', async (t) => {
  const client = new StorefrontClient(app, own)
  const wrong = await client.send('POST', '/auth/login', { email: 'vendor-1@demo.test', password: 'no' })
  t.match(wrong.json(), { statusCode: 401, code: 'SHOP_SIGN_IN_FAILED' })
  const response = await client.send('POST', '/auth/login', {
    email: 'vendor-1@demo.test',
    password: DEMO_PASSWORD,
  })
  t.match(response.json(), {
    userId: 'demo-vendor-1',
    tenantId: 'vendor-1',
    roles: ['vendor'],
    csrfToken: /.{16,}/,
  })
  t.match(response.headers['set-cookie'], /HttpOnly.*SameSite=Lax/i)
  await client.signIn()
  t.match((await client.send('GET', '/auth/session')).json(), { userId: 'demo-vendor-1', csrfToken: String })
  const signedIn = await client.send('POST', '/auth/login', {
    email: 'vendor-1@demo.test',
    password: DEMO_PASSWORD,
  })
  const cookie = signedIn.cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
  for (const when of ['at once', 'and whenever it is asked for']) {
    const { body } = await app.inject({ url: '/auth/session', headers: { cookie } })
    t.equal(body, signedIn.body, when)
  }
  await client.signIn()
  t.equal((await client.send('POST', '/auth/logout')).statusCode, 204)
  t.match((await client.send('GET', '/auth/session')).json(), { statusCode: 401 })
  t.equal((await visitor.send('GET', '/auth/session')).statusCode, 401)
})

t.test('an admin belongs to no vendor, reads every instance and changes none', async (t) => {
  const admin = await new StorefrontClient(app, own).signIn('admin')
  t.match((await admin.send('GET', '/auth/session')).json(), { tenantId: null, roles: ['admin'] })
  t.equal((await admin.ask('GET', '/products')).statusCode, 200)
  t.equal((await admin.ask('PUT', '/products/p-1-1', { stock: 1 })).statusCode, 403)
  t.equal((await admin.send('GET', '/api/vendor/analytics/snapshot')).statusCode, 400)
  t.equal((await admin.send('GET', `/api/vendor/analytics/snapshot?instance=${others}`)).statusCode, 200)
})

t.test('a vendor’s figures need no instance', async (t) => {
  t.match((await shop.send('GET', '/api/vendor/analytics/snapshot')).json(), { vendorId: 'vendor-1' })
  t.equal((await shop.send('GET', `/api/vendor/analytics/snapshot?instance=${others}`)).statusCode, 403)
})

t.test('sessions on other devices are listed, and can be ended', async (t) => {
  const here = await new StorefrontClient(app, own).signIn('vendor-3')
  const there = await new StorefrontClient(app, own).signIn('vendor-3')
  const listed = (await here.send('GET', '/auth/sessions')).json<{ id: string; current: boolean }[]>()
  t.equal(listed.length, 2)
  t.equal(listed.filter(({ current }) => current).length, 1)
  const other = listed.find(({ current }) => !current)?.id ?? ''
  t.equal((await shop.send('DELETE', `/auth/sessions/${other}`)).statusCode, 404, 'not by another user')
  t.equal((await here.send('DELETE', `/auth/sessions/${other}`)).statusCode, 204)
  t.equal((await there.send('GET', '/auth/session')).statusCode, 401)
  t.equal((await here.send('GET', '/auth/session')).statusCode, 200)
})

t.test('what changes something needs the CSRF token and no foreign origin', async (t) => {
  const cookie = await cookieOf('vendor-1')
  const change = { method: 'PUT', url: `/api/${own}/products/p-1-1`, payload: { stock: 1 } } as const
  t.match((await app.inject({ ...change, headers: { cookie } })).json(), { statusCode: 403 })
  t.equal((await app.inject({ ...change, headers: { cookie, 'x-csrf-token': 'made up' } })).statusCode, 403)
  t.equal((await shop.ask('PUT', '/products/p-1-1', { stock: 1 })).statusCode, 200)
  t.match(
    (await app.inject({ method: 'POST', url: '/auth/logout', headers: { cookie } })).json(),
    { statusCode: 403 },
    'a page elsewhere signs nobody out',
  )
  const payload = { email: 'vendor-1@demo.test', password: DEMO_PASSWORD }
  const login = { method: 'POST', url: '/auth/login', payload } as const
  t.equal((await app.inject({ ...login, headers: { origin: 'https://evil.test' } })).statusCode, 403)
  t.equal((await app.inject(login)).statusCode, 200, 'a program sends none')
  const install = { method: 'POST', url: '/api/instances', payload: { instance: own } } as const
  for (const origin of ['https://evil.test', 'null', 'http://localhost:81', 'no origin']) {
    t.match(
      (await app.inject({ ...install, headers: { origin } })).json(),
      { statusCode: 403, code: 'STAY_SESSION_ORIGIN_FOREIGN' },
      origin,
    )
  }
  for (const headers of [{}, { cookie }, { origin: 'http://localhost:80' }]) {
    t.equal((await app.inject({ ...install, headers })).statusCode, 200, JSON.stringify(Object.keys(headers)))
  }
})

t.test(
  'every route of an instance: 401 for visitors, 403 for another vendor, 404 where it is unknown',
  async (t) => {
    const unknown = '3f2504e0-4f89-41d3-9a0c-0305e82c330f'
    const routes = await tenantRoutes(visitor)
    t.ok(routes.length >= 12)
    for (const { method, at } of routes) {
      for (const id of [own, others, unknown]) {
        const anonymous = await visitor.send(method, at(id))
        t.match(anonymous.json(), { statusCode: 401, code: 'STAY_SESSION_REQUIRED' }, `${method} ${at(id)}`)
      }
      t.match(
        (await shop.send(method, at(others))).json(),
        { statusCode: 403, code: 'SHOP_OTHER_VENDOR' },
        method,
      )
      t.match((await shop.send(method, at(unknown))).json(), {
        statusCode: 404,
        message: 'Instance not found',
      })
    }
  },
)

t.test('a user has one cart for each vendor, and buys what is in it once', async (t) => {
  await shop.ask('PUT', '/products/p-1-20', { stock: 3, priceCents: 100 })
  const items = [{ productId: 'p-1-20', quantity: 2 }]
  t.same((await shop.ask('PUT', '/cart', { items })).json(), { items })
  t.same((await shop.ask('GET', '/cart')).json(), { items })
  t.equal((await shop.ask('PUT', '/cart', { items: [...items, ...items] })).statusCode, 400)
  t.equal((await shop.ask('POST', '/checkout')).statusCode, 400, 'without a key')
  const bought = await shop.ask('POST', '/checkout', undefined, { 'idempotency-key': 'one' })
  t.equal(bought.statusCode, 201)
  t.match(bought.json(), { totalCents: 200, orders: [{ productId: 'p-1-20', quantity: 2 }] })
  const again = await shop.ask('POST', '/checkout', undefined, { 'idempotency-key': 'one' })
  t.equal(again.statusCode, 201)
  t.same(again.json(), bought.json())
  for (const [length, statusCode] of [
    [255, 409],
    [256, 400],
  ] as const) {
    const answer = await shop.ask('POST', '/checkout', undefined, { 'idempotency-key': 'k'.repeat(length) })
    t.equal(answer.statusCode, statusCode, `a key of ${length} characters, and an empty cart`)
  }
  await shop.ask('PUT', '/cart', { items })
  const short = await shop.ask('POST', '/checkout', undefined, { 'idempotency-key': 'two' })
  t.match(short.json(), { statusCode: 409, code: 'SHOP_STOCK_SHORT' })
})

async function cookieOf(user: string): Promise<string> {
  const { cookies } = await app.inject({
    method: 'POST',
    url: '/auth/login',
    payload: { email: `${user}@demo.test`, password: DEMO_PASSWORD },
  })
  return cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
}

t.test(
  'in production one signs in over https alone, also where a proxy that is believed speaks it',
  async (t) => {
    const production = { NODE_ENV: 'production', SESSION_SECRET: 's'.repeat(32), APP_SECRET: 'a'.repeat(32) }
    const catalogue = await openCatalogue({ kind: 'memory' }, () => undefined)
    t.teardown(() => catalogue.close())
    await catalogue.query(
      "insert into storefront.users (id, email, vendor_id, roles, password_hash) values ($1, $2, 'vendor-1', 'vendor', $3)",
      ['merchant', 'merchant@shop.test', await hashPassword(DEMO_PASSWORD)],
    )
    const signIn = async (environment: NodeJS.ProcessEnv): Promise<LightMyRequestResponse> => {
      const app = await openStorefront(t, { ...production, ...environment }, catalogue)
      return app.inject({
        method: 'POST',
        url: '/auth/login',
        headers: { host: 'shop.test', 'x-forwarded-for': '203.0.113.1', 'x-forwarded-proto': 'https' },
        payload: { email: 'merchant@shop.test', password: DEMO_PASSWORD },
      })
    }
    const behindProxy = await signIn({ TRUSTED_PROXIES: '1' })
    t.equal(behindProxy.statusCode, 200)
    t.match(behindProxy.headers['set-cookie'], /; Secure/)
    t.match((await signIn({})).json(), { statusCode: 500, code: 'STAY_SESSION_INSECURE' })
  },
)
