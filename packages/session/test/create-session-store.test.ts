import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import { startRedisServer } from '@stayfast/test-kit'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import session, {
  createSessionStore,
  type CreateSessionStoreOptions,
  type SessionOptions,
} from '../dist/index.js'
import type { Browser } from './browser.js'
import { loggingApp, otherSecret, secret, shopRoutes } from './create-app.js'
import { PlainStore } from './plain-store.js'

const server = await startRedisServer({}, t)
const redis = new Redis(server.url)
t.teardown(() => {
  redis.disconnect()
})
t.beforeEach(async () => {
  await redis.flushall()
})

interface Shop {
  readonly app: FastifyInstance
  readonly browser: () => Browser
}

/** What an app with its own @fastify/session does. */
function ownRoutes(app: FastifyInstance): void {
  app.get('/note', async (request) => ({ note: request.session.note ?? null }))
  app.post<{ Body: { note: string } }>('/note', async (request) => {
    request.session.note = request.body.note
    return {}
  })
  app.post<{ Body: { item: string } }>('/cart', async (request) => {
    request.session.cart = [...(request.session.cart ?? []), request.body.item]
    return request.session.cart
  })
  app.get('/cart', async (request) => request.session.cart ?? [])
  app.get('/fields', async (request) => Object.keys(JSON.parse(JSON.stringify(request.session)) as object))
  app.post('/end', async (request) => {
    await request.session.destroy()
    return {}
  })
  app.post('/reload', async (request) => {
    request.session.note = 'not kept'
    await request.session.reload()
    request.session.visits = 1
    return {}
  })
}

/** The app before: a plain store, as connect-redis works. */
async function before(t: Test): Promise<Shop> {
  const { app, browser } = loggingApp(t)
  app.register(fastifyCookie)
  app.register(fastifySession, { secret, store: new PlainStore(redis), saveUninitialized: false })
  app.register(async (app) => {
    ownRoutes(app)
  })
  await app.ready()
  return { app, browser }
}

/** The same app with our store. */
async function after(t: Test, options: Partial<CreateSessionStoreOptions> = {}, ids = true): Promise<Shop> {
  const { app, browser } = loggingApp(t)
  const store = createSessionStore({ redis, ...options })
  app.register(fastifyCookie)
  app.register(fastifySession, {
    secret,
    store,
    saveUninitialized: false,
    ...(ids ? { idGenerator: store.idGenerator } : {}),
  })
  app.addHook('onReady', () => store.ready())
  app.addHook('onClose', () => store.close())
  app.register(async (app) => {
    ownRoutes(app)
  })
  await app.ready()
  return { app, browser }
}

async function note({ send }: { send: Browser['send'] }): Promise<unknown> {
  return (await send('GET', '/note')).json<{ note: unknown }>().note
}

const noteOf = (browser: Browser): Promise<unknown> => note({ send: (...args) => browser.send(...args) })

const legacy = { prefix: 'sess:' }

for (const [where, option] of [
  ['memory', () => false as const],
  ['redis', () => redis],
] as const) {
  for (const ids of [true, false]) {
    t.test(`${where}, ${ids ? 'our' : 'their own'} ids: an app keeps its own @fastify/session`, async (t) => {
      const shop = await after(t, { redis: option() }, ids)
      const ada = shop.browser()
      await ada.post('/note', { note: 'x' })
      await ada.post('/cart', { item: 'a' })
      t.equal(await noteOf(ada), 'x')
      t.strictSame((await ada.get('/fields')).json<string[]>().sort(), ['cart', 'cookie', 'note'])
      await ada.post('/reload')
      t.equal(await noteOf(ada), 'x')
      t.ok((await ada.get('/fields')).json<string[]>().includes('visits'))
      const stolen = ada.fork()
      await ada.post('/end')
      t.equal(await noteOf(stolen), null)
    })
  }
}

t.test('such a store costs one command for a read, two for a write', async (t) => {
  const { browser } = await after(t, { onOutage: 'closed' })
  const ada = browser()
  await ada.post('/note', { note: 'x' })
  await ada.post('/note', { note: 'y' })
  const count = (work: () => Promise<unknown>): Promise<Record<string, number>> =>
    server.countCommands(async () => {
      await work()
    })
  t.strictSame(await count(() => ada.get('/note')), { evalsha: 1 }, 'although it is rolling')
  t.strictSame(await count(() => ada.post('/note', { note: 'z' })), { evalsha: 2 })
})

t.test('while Redis is away a session that is not known is 503, and no cookie is taken away', async (t) => {
  const own = await startRedisServer({}, t)
  const client = new Redis(own.url)
  client.on('error', () => undefined)
  const one = await after(t, { redis: client, onOutage: 'closed' })
  const ada = one.browser()
  await ada.post('/note', { note: 'x' })
  const cookies = [...ada.cookies]
  await own.kill()
  const response = await ada.get('/note')
  t.match(response.json(), { statusCode: 503, code: 'STAY_SESSION_UNAVAILABLE' })
  t.strictSame([...ada.cookies], cookies)
  client.disconnect()
})

t.test('the plugin works on an @fastify/session with our store', async (t) => {
  const { app, browser } = loggingApp(t)
  const store = createSessionStore({ redis })
  app.register(fastifyCookie)
  app.register(fastifySession, { secret, store, saveUninitialized: false, idGenerator: store.idGenerator })
  app.register(session)
  app.addHook('onReady', () => store.ready())
  app.addHook('onClose', () => store.close())
  app.register(async (app) => {
    shopRoutes(app)
  })
  await app.ready()
  const ada = browser()
  await ada.post('/cart', { item: 'a' })
  await ada.post('/login', { userId: 'ada', roles: ['admin'], keep: ['cart'] })
  t.equal((await ada.get('/admin')).statusCode, 200)
  t.strictSame((await ada.get('/cart')).json(), ['a'])
  t.match((await ada.get('/sessions')).json(), [{ current: true }])
  const stolen = ada.fork()
  await ada.post('/logout')
  t.equal(ada.cookies.size, 0)
  t.equal((await stolen.get('/me')).statusCode, 401)
})

t.test('and is refused where that would not do', async (t) => {
  const boot = async (options: SessionOptions, ids: boolean): Promise<void> => {
    const { app } = loggingApp(t)
    const store = createSessionStore({ redis: false })
    app.register(fastifyCookie)
    app.register(fastifySession, { secret, store, ...(ids ? { idGenerator: store.idGenerator } : {}) })
    app.register(session, options)
    await app.ready()
  }
  await t.rejects(boot({}, false), { code: 'STAY_SESSION_STORE_FOREIGN', message: /without its idGenerator/ })
  await t.rejects(boot({ redis: false }, true), {
    code: 'STAY_SESSION_OPTION_INVALID',
    message: /the option redis has to go there/,
  })
  await t.rejects(boot({ secret: otherSecret }, true), { message: /the option secret has to go there/ })
  await boot({}, true)
})

t.test('its options are checked', async (t) => {
  const wrong = (options: object): void => {
    t.throws(() => createSessionStore({ redis: false, ...options }), { code: 'STAY_SESSION_OPTION_INVALID' })
  }
  wrong({ redis: undefined })
  wrong({ redis: 'namespace' })
  wrong({ legacy: 'sess:' })
  wrong({ legacy: { prefix: 1 } })
  wrong({ legacy: { prefix: 'sess:', convert: 'no' } })
  wrong({ cookieName: 'x' })
  wrong({ prefix: 'sess:' })
})

t.test('sessions of a plain store are read once and converted: nobody is signed out', async (t) => {
  const old = await before(t)
  const ada = old.browser()
  await ada.post('/note', { note: 'from before' })
  await ada.post('/cart', { item: 'a' })
  const [key = ''] = await redis.keys('sess:*')
  const next = await after(t, { legacy })
  const there = ada.fork(next.app)
  t.equal(await noteOf(there), 'from before')
  t.equal(await redis.exists(key), 0)
  await there.post('/cart', { item: 'b' })
  t.strictSame((await there.get('/cart')).json(), ['a', 'b'])
  await there.fork().post('/end')
  t.equal(await noteOf(there), null)
})

t.test('many requests at once convert a session once, and lose nothing', async (t) => {
  const old = await before(t)
  const ada = old.browser()
  await ada.post('/note', { note: 'from before' })
  const shops = [await after(t, { legacy }), await after(t, { legacy })]
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) => noteOf(ada.fork(shops[index % 2]?.app))),
  )
  t.strictSame([...new Set(answers)], ['from before'])
})

t.test('a session that ends while it is converted stays gone', async (t) => {
  const old = await before(t)
  const shops = [await after(t, { legacy }), await after(t, { legacy })]
  for (let round = 0; round < 20; round += 1) {
    const ada = old.browser()
    await ada.post('/note', { note: 'from before' })
    await Promise.all([
      ada.fork(shops[0]?.app).get('/note'),
      ada.fork(shops[1]?.app).post('/end'),
      ada.fork(shops[0]?.app).get('/note'),
    ])
    t.equal(await noteOf(ada.fork(shops[0]?.app)), null)
    t.equal(await noteOf(ada.fork(shops[1]?.app)), null)
  }
})

t.test('the plugin takes such sessions over too', async (t) => {
  const old = await before(t)
  const ada = old.browser()
  await ada.post('/note', { note: 'from before' })
  const { app } = loggingApp(t)
  app.register(session, { redis, secret, legacy, acceptCookieNames: ['sessionId'] })
  app.register(async (app) => {
    shopRoutes(app)
  })
  await app.ready()
  const there = ada.fork(app)
  t.equal(await noteOf(there), 'from before')
  t.ok(there.cookies.has('__Host-sid'))
  await there.post('/login', { userId: 'ada', keep: ['note'] })
  t.equal(await noteOf(there), 'from before')
  t.equal(await noteOf(ada.fork(app)), null, 'the old one is gone')
})

t.test(
  'a rolling deploy in two steps: each version knows the sessions, the changes and the ends of the other',
  async (t) => {
    const old = await before(t)
    const shared = await after(t, { legacy: { ...legacy, convert: false } })
    const [ada, bob] = [old.browser(), shared.browser()]
    await ada.post('/note', { note: 'old' })
    await bob.post('/note', { note: 'shared' })
    for (const user of [ada, bob]) {
      for (const { app } of [old, shared]) {
        const there = user.fork(app)
        t.type(await noteOf(there), 'string')
        await there.post('/cart', { item: 'x' })
      }
      t.strictSame((await user.fork(old.app).get('/cart')).json(), ['x', 'x'])
      t.strictSame((await user.fork(shared.app).get('/cart')).json(), ['x', 'x'])
    }
    const eve = old.browser()
    await eve.post('/note', { note: 'x' })
    await eve.fork(shared.app).post('/end')
    t.equal(await noteOf(eve.fork(old.app)), null)
    const mallory = shared.browser()
    await mallory.post('/note', { note: 'x' })
    await mallory.fork(old.app).post('/end')
    t.equal(await noteOf(mallory.fork(shared.app)), null)

    // The plain store is gone; now the next step runs beside this one.
    const last = await after(t, { legacy })
    for (const user of [ada, bob]) {
      const there = user.fork(last.app)
      t.type(await noteOf(there), 'string')
      await there.post('/note', { note: 'converted' })
      t.equal(await noteOf(user.fork(shared.app)), 'converted')
      await user.fork(shared.app).post('/note', { note: 'by the step before' })
      t.equal(await noteOf(user.fork(last.app)), 'by the step before')
      await user.fork(shared.app).post('/end')
      t.equal(await noteOf(user.fork(last.app)), null)
    }
    const late = shared.browser()
    await late.post('/note', { note: 'late' })
    t.equal(await noteOf(late.fork(last.app)), 'late')
  },
)

t.test('what is no session of the plain store, or is over, is none', async (t) => {
  const old = await before(t)
  const next = await after(t, { legacy })
  for (const text of [
    'no json',
    '1',
    'null',
    '[]',
    JSON.stringify({ note: 'x', cookie: { expires: new Date(0).toISOString() } }),
  ]) {
    const ada = old.browser()
    await ada.post('/note', { note: 'x' })
    const [key = ''] = await redis.keys('sess:*')
    await redis.set(key, text)
    t.equal(await noteOf(ada.fork(next.app)), null, text)
    await redis.flushall()
  }
})
