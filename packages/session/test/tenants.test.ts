import t, { type Test } from 'tap'
import type { SessionOptions } from '../dist/index.js'
import { createShop, type TestApp } from './create-app.js'

/** The tenant is the host; www belongs to none. */
const byHost: NonNullable<SessionOptions['tenantOf']> = ({ hostname }) =>
  hostname.startsWith('www.') ? undefined : hostname

function shops(t: Test, tenantOf = byHost): Promise<TestApp> {
  return createShop(t, { redis: false, tenantOf })
}

const at = (host: string): { headers: { host: string } } => ({ headers: { host } })
const [one, other, www] = [at('one.test'), at('other.test'), at('www.shop.test')]

t.test('a session of one tenant is nothing to another, and stays what it is', async (t) => {
  const { browser } = await shops(t)
  const ada = browser()
  await ada.post('/login', { userId: 'ada', tenantId: 'one.test' }, one)
  await ada.post('/note', { note: 'mine' }, one)
  t.equal((await ada.get('/me', one)).statusCode, 200)
  const elsewhere = await ada.get('/me', other)
  t.equal(elsewhere.statusCode, 401)
  t.strictSame(elsewhere.cookies, [], 'the cookie stays')
  t.strictSame((await ada.get('/note', other)).json(), { note: null })
  t.strictSame((await ada.get('/who', other)).json(), { who: null })
  t.equal((await ada.get('/me', one)).statusCode, 200)
  t.equal((await ada.get('/me', www)).statusCode, 200, 'where the request is for no tenant it is good')
})

t.test('what is written at another tenant does not reach the session', async (t) => {
  const { app, browser } = await shops(t)
  const ada = browser()
  await ada.post('/login', { userId: 'ada', tenantId: 'one.test' }, one)
  const [session] = await app.sessions.list('ada')
  const there = ada.fork()
  await there.post('/note', { note: 'planted' }, other)
  t.strictSame((await ada.get('/note', one)).json(), { note: null })
  t.strictSame((await there.get('/note', other)).json(), { note: 'planted' }, 'it made one of its own')
  t.strictSame((await there.get('/note', one)).json(), { note: null }, 'which is bound as well')
  await ada.fork().post('/logout', {}, other)
  t.strictSame((await app.sessions.list('ada'))[0]?.id, session?.id, 'nor can it be ended from there')
})

t.test('a session that takes the place of another is bound as well', async (t) => {
  const { browser } = await createShop(t, { redis: false, tenantOf: byHost }, {}, (app) => {
    app.post<{ Params: { how: string } }>('/anew/:how', async (request, reply) => {
      if (request.params.how === 'regenerate') await request.session.regenerate()
      else if (request.params.how === 'destroy') await request.session.destroy()
      else await app.sessions.logout(request, reply)
      request.session.note = 'of one'
      return {}
    })
  })
  for (const how of ['regenerate', 'destroy', 'logout']) {
    const visitor = browser()
    await visitor.post('/cart', { item: 'a' }, one)
    await visitor.post(`/anew/${how}`, {}, one)
    t.strictSame((await visitor.get('/note', one)).json(), { note: 'of one' }, how)
    t.strictSame((await visitor.get('/note', other)).json(), { note: null }, how)
  }
})

t.test('a session without a tenant is good at each', async (t) => {
  const { browser } = await shops(t)
  const admin = browser()
  await admin.post('/login', { userId: 'admin' }, www)
  for (const where of [one, other, www]) t.equal((await admin.get('/me', where)).statusCode, 200)
})

t.test('the tenant can be looked up', async (t) => {
  const { browser } = await shops(t, async (request) => {
    await Promise.resolve()
    return byHost(request)
  })
  const ada = browser()
  await ada.post('/login', { userId: 'ada', tenantId: 'one.test' }, one)
  t.equal((await ada.get('/me', one)).statusCode, 200)
  t.equal((await ada.get('/me', other)).statusCode, 401)
})

t.test('a look-up that fails fails the request, and signs nobody out', async (t) => {
  let broken = false
  const { browser } = await shops(t, (request) => {
    if (broken) throw new Error('no database')
    return byHost(request)
  })
  const ada = browser()
  await ada.post('/login', { userId: 'ada', tenantId: 'one.test' }, one)
  broken = true
  t.equal((await ada.get('/me', one)).statusCode, 500)
  broken = false
  t.equal((await ada.get('/me', one)).statusCode, 200)
})

t.test('a tenant that is no text fails the request, and binds no session to nothing', async (t) => {
  for (const tenant of [5, {}, true]) {
    const options: object = { tenantOf: () => tenant }
    const { browser } = await createShop(t, { redis: false, ...options })
    const visitor = browser()
    const response = await visitor.post('/note', { note: 'mine' })
    t.match(response.json(), { statusCode: 500, code: 'STAY_SESSION_TENANT_INVALID' }, JSON.stringify(tenant))
    t.equal(visitor.cookies.size, 0)
  }
})
