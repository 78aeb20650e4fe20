import { openLink } from '@stayfast/link-test-kit'
import { startRedisServer } from '@stayfast/test-kit'
import { healthReporterOf, type RedisLink } from '@stayfast/redis-kit'
import { Redis } from 'ioredis'
import t from 'tap'
import session, { type SessionOptions } from '../dist/index.js'
import { createShop, loggingApp, secret, shopRoutes } from './create-app.js'

const server = await startRedisServer({}, t)
const redis = new Redis(server.url)
t.teardown(() => {
  redis.disconnect()
})
t.beforeEach(async () => {
  await redis.flushall()
})

t.test('it reports its link and its numbers to whoever asks, without a command', async (t) => {
  const link = await openLink(t, server.url)
  const { app, browser } = await createShop(t, { redis: link })
  await browser().post('/login', { userId: 'ada' })
  const report = healthReporterOf(app.sessions)?.()
  t.equal(report?.link, link)
  t.match(report, { plugin: 'session', holds: 'data', counts: { pending_writes: 0, local_sessions: 1 } })
})

for (const [where, option] of [
  ['memory', () => false as const],
  ['redis', () => redis],
] as const) {
  t.test(`${where}: who signs in is known until signing out, and then no more`, async (t) => {
    const { browser } = await createShop(t, { redis: option() })
    const ada = browser()
    t.equal((await ada.get('/me')).statusCode, 401)
    const login = await ada.post('/login', { userId: 'ada', tenantId: 'vendor-1', roles: ['vendor'] })
    t.equal(login.statusCode, 200)
    t.match(login.json(), {
      userId: 'ada',
      tenantId: 'vendor-1',
      roles: ['vendor'],
      sessionId: /^[\w-]{22}\./,
    })
    t.match((await ada.get('/me')).json(), { userId: 'ada', tenantId: 'vendor-1', roles: ['vendor'] })
    const stolen = ada.fork()
    t.equal((await ada.post('/logout')).statusCode, 200)
    t.equal(ada.cookies.size, 0, 'the cookie is gone')
    t.equal((await ada.get('/me')).statusCode, 401)
    t.equal((await stolen.get('/me')).statusCode, 401, 'and so is what it stood for')
    t.equal(stolen.cookies.size, 0)
  })

  t.test(`${where}: what a visitor keeps goes along at the sign-in, where it is asked for`, async (t) => {
    const { browser } = await createShop(t, { redis: option() })
    const ada = browser()
    await ada.post('/cart', { item: 'a' })
    await ada.post('/note', { note: 'mine' })
    const before = ada.fork()
    await ada.post('/login', { userId: 'ada', keep: ['cart'] })
    t.strictSame((await ada.get('/cart')).json(), ['a'])
    t.strictSame((await ada.get('/note')).json(), { note: null })
    t.notSame([...ada.cookies], [...before.cookies], 'under a new id')
    t.strictSame((await before.get('/cart')).json(), [], 'the old one is gone')
  })

  t.test(`${where}: signing in again gives a new id, and ends the old session`, async (t) => {
    const { browser } = await createShop(t, { redis: option() })
    const ada = browser()
    await ada.post('/login', { userId: 'ada' })
    const before = ada.fork()
    await ada.post('/login', { userId: 'ada', roles: ['admin'] })
    t.equal((await before.get('/me')).statusCode, 401)
    t.equal((await ada.get('/admin')).statusCode, 200)
    const again = ada.fork()
    await ada.post('/login', { userId: 'bob' })
    t.equal((await again.get('/me')).statusCode, 401)
    t.equal((await ada.get('/me')).json<{ userId: string }>().userId, 'bob')
  })

  t.test(`${where}: the guards answer 401 and 403`, async (t) => {
    const { browser } = await createShop(t, { redis: option() })
    const [nobody, vendor] = [browser(), browser()]
    await vendor.post('/login', { userId: 'vendor', roles: ['vendor'] })
    for (const url of ['/me', '/admin', '/fresh']) {
      t.match((await nobody.get(url)).json(), { statusCode: 401, code: 'STAY_SESSION_REQUIRED' }, url)
    }
    t.match((await vendor.get('/admin')).json(), { statusCode: 403, code: 'STAY_SESSION_FORBIDDEN' })
    t.equal((await vendor.get('/fresh')).statusCode, 200)
    const owner = browser()
    await owner.post('/login', { userId: 'owner', roles: ['owner'] })
    t.equal((await owner.get('/admin')).statusCode, 200, 'one of several roles will do')
  })

  t.test(`${where}: the sessions of a user are listed and ended, one or all`, async (t) => {
    const { app, browser } = await createShop(t, { redis: option() })
    const [phone, laptop, tablet, bob] = [browser(), browser(), browser(), browser()]
    const agent = { headers: { 'user-agent': `phone ${'x'.repeat(500)}` } }
    await phone.post('/login', { userId: 'ada' }, agent)
    for (const each of [laptop, tablet]) await each.post('/login', { userId: 'ada' })
    await bob.post('/login', { userId: 'bob' })
    const listed = (await laptop.get('/sessions')).json<{ id: string; current: boolean; device: string }[]>()
    t.strictSame(
      listed.map(({ current }) => current),
      [false, true, false],
    )
    t.equal(listed[0]?.device.length, 160)
    t.match(listed[0], { createdAt: /^\d{4}-.*Z$/, lastSeenAt: /^\d{4}-.*Z$/ })

    const [first] = listed
    t.match(await app.sessions.revoke(first?.id ?? '', { userId: 'bob' }), { existed: false })
    t.equal((await phone.get('/me')).statusCode, 200, 'nobody ends the sessions of another')
    t.match(await app.sessions.revoke(first?.id ?? ''), { existed: true })
    t.equal((await phone.get('/me')).statusCode, 401)
    t.match(await app.sessions.revoke(first?.id ?? ''), { existed: false })
    for (const id of ['', 'x', '../', '{}', first?.id.replace('.', '~') ?? '']) {
      t.match(await app.sessions.revoke(id), { existed: false }, id)
    }

    t.match(await app.sessions.revokeAll('ada', { except: listed[1]?.id ?? '' }), { revoked: 1 })
    t.equal((await tablet.get('/me')).statusCode, 401)
    t.equal((await laptop.get('/me')).statusCode, 200)
    t.match(await app.sessions.revokeAll('ada'), { revoked: 1 })
    t.equal((await laptop.get('/me')).statusCode, 401)
    t.equal((await bob.get('/me')).statusCode, 200)
  })

  t.test(`${where}: destroy takes the cookie away and leaves an empty session, not null`, async (t) => {
    const { browser } = await createShop(t, { redis: option() })
    const ada = browser()
    await ada.post('/login', { userId: 'ada' })
    const stolen = ada.fork()
    t.strictSame((await ada.post('/destroy')).json(), { left: ['cookie'], who: null })
    t.equal(ada.cookies.size, 0)
    t.equal((await stolen.get('/me')).statusCode, 401)
    t.equal((await browser().post('/destroy')).statusCode, 200, 'a visitor may as well')
  })

  t.test(`${where}: regenerate keeps the named fields under a new id`, async (t) => {
    const { browser } = await createShop(t, { redis: option() })
    const visitor = browser()
    await visitor.post('/cart', { item: 'a' })
    await visitor.post('/note', { note: 'left behind' })
    const before = visitor.fork()
    await visitor.post('/regenerate')
    t.strictSame((await visitor.get('/cart')).json(), ['a'])
    t.strictSame((await visitor.get('/note')).json(), { note: null })
    t.strictSame((await before.get('/cart')).json(), [])
  })

  t.test(`${where}: what regenerate and reload leave behind is a session like the others`, async (t) => {
    const { browser } = await createShop(t, { redis: option() }, {}, (app) => {
      app.post<{ Params: { how: string } }>('/again/:how', async (request) => {
        if (request.params.how === 'reload') await request.session.reload()
        else await request.session.regenerate()
        const left = Object.keys(request.session)
        request.session.note = 'after'
        return { left, who: request.principal?.userId ?? null }
      })
      app.post<{ Params: { how: string } }>('/again/:how/destroy', async (request) => {
        if (request.params.how === 'reload') await request.session.reload()
        else await request.session.regenerate()
        await request.session.destroy()
        return { left: Object.keys(request.session) }
      })
    })
    const ada = browser()
    await ada.post('/login', { userId: 'ada' })
    t.strictSame((await ada.post('/again/reload')).json(), { left: ['cookie', '_csrf'], who: 'ada' })
    t.strictSame((await ada.get('/note')).json(), { note: 'after' })
    t.strictSame((await ada.post('/again/reload/destroy')).json(), { left: ['cookie'] })
    const stolen = ada.fork()
    await ada.post('/login', { userId: 'ada' })
    t.strictSame((await ada.post('/again/regenerate')).json(), { left: ['cookie'], who: null })
    t.strictSame((await ada.get('/note')).json(), { note: 'after' })
    t.strictSame((await ada.post('/again/regenerate/destroy')).json(), { left: ['cookie'] })
    t.strictSame((await stolen.get('/note')).json(), { note: null })
  })

  t.test(
    `${where}: reload after a sign-out elsewhere leaves nothing to be stored under its id`,
    async (t) => {
      const { app, browser } = await createShop(t, { redis: option() }, {}, (app) => {
        app.post('/late', async (request) => {
          const before = request.session.sessionId
          await app.sessions.revokeAll('eve')
          await request.session.reload()
          request.session.note = 'late'
          return { same: request.session.sessionId === before }
        })
      })
      t.ok(app)
      const eve = browser()
      await eve.post('/login', { userId: 'eve' })
      const stolen = eve.fork()
      t.strictSame((await eve.post('/late')).json(), { same: false })
      t.strictSame((await stolen.get('/note')).json(), { note: null })
    },
  )

  t.test(`${where}: a field can be changed, changed inside, and removed`, async (t) => {
    const { app, browser } = await createShop(t, { redis: option() })
    t.ok(app)
    const visitor = browser()
    await visitor.post('/cart', { item: 'a' })
    t.strictSame((await visitor.post('/cart', { item: 'b' })).json(), ['a', 'b'])
    await visitor.post('/note', { note: 'x' })
    await visitor.post('/note', {})
    t.strictSame((await visitor.get('/note')).json(), { note: null })
    t.strictSame((await visitor.get('/cart')).json(), ['a', 'b'])
  })
}

/** Without the beats of the bus, which would be counted too. */
function quiet(link: RedisLink): SessionOptions {
  return { redis: link, onOutage: 'closed' }
}

t.test('nothing is written, and no cookie sent, for visitors, 404s and probes', async (t) => {
  const { browser } = await createShop(t, quiet(await openLink(t, server.url, { heartbeatMs: false })))
  const commands = await server.countCommands(async () => {
    const visitor = browser()
    for (const url of ['/who', '/cart', '/nowhere', '/me', '/admin']) await visitor.get(url)
    await visitor.post('/logout')
    await visitor.post('/destroy')
    t.equal(visitor.cookies.size, 0)
  })
  t.strictSame(commands, {})
  t.strictSame(await redis.keys('sess:{*'), [])
})

t.test('a route that is the same for everybody asks nothing, and leaves the cookie as it is', async (t) => {
  const { app, browser } = await createShop(
    t,
    quiet(await openLink(t, server.url, { heartbeatMs: false })),
    {},
    (app) => {
      app.get('/probe', { config: { session: false } }, ({ principal }) => ({ principal }))
    },
  )
  t.ok(app.hasRoute({ method: 'GET', url: '/probe' }))
  const ada = browser()
  await ada.post('/login', { userId: 'ada' })
  const cookies = [...ada.cookies]
  const commands = await server.countCommands(async () => {
    t.strictSame((await ada.get('/probe')).json(), { principal: null })
  })
  t.strictSame(commands, {})
  t.strictSame([...ada.cookies], cookies)
  t.equal((await ada.get('/me')).statusCode, 200)
})

t.test('a request that is turned away before its session is looked at keeps its answer', async (t) => {
  const { app, browser } = loggingApp(t)
  app.addHook('onRequest', async (request, reply) => {
    if (request.headers['x-too-many'] !== undefined) return reply.code(429).send({ slow: 'down' })
    return undefined
  })
  app.register(session, { secret, redis: false })
  app.register(async (app) => {
    shopRoutes(app)
  })
  await app.ready()
  const ada = browser()
  await ada.post('/login', { userId: 'ada' })
  const cookies = [...ada.cookies]
  const headers = { 'x-too-many': 'yes', cookie: cookies.map((pair) => pair.join('=')).join('; ') }
  const refused = await app.inject({ url: '/me', headers })
  t.equal(refused.statusCode, 429)
  t.strictSame(refused.json(), { slow: 'down' })
  t.notOk('set-cookie' in refused.headers)
  t.equal((await ada.get('/me')).statusCode, 200)
})

t.test('a read costs one command, a write two, a login at most four, a logout at most three', async (t) => {
  const { browser } = await createShop(t, quiet(await openLink(t, server.url, { heartbeatMs: false })))
  const count = (work: () => Promise<unknown>): Promise<Record<string, number>> =>
    server.countCommands(async () => {
      await work()
    })
  const warm = browser()
  await warm.post('/cart', { item: 'a' })
  await warm.post('/login', { userId: 'warm', keep: ['cart'] })
  await warm.post('/cart', { item: 'b' })
  await warm.post('/logout')

  const ada = browser()
  t.strictSame(await count(() => ada.post('/login', { userId: 'ada' })), { evalsha: 1 }, 'login')
  t.strictSame(await count(() => ada.get('/me')), { evalsha: 1 }, 'read')
  t.strictSame(await count(() => ada.get('/nowhere')), { evalsha: 1 })
  t.strictSame(await count(() => ada.post('/cart', { item: 'a' })), { evalsha: 2 }, 'write')
  t.strictSame(await count(() => ada.post('/login', { userId: 'ada' })), { evalsha: 2 }, 'login again')
  t.strictSame(await count(() => ada.post('/login', { userId: 'bob' })), { evalsha: 3 }, 'another user')
  t.strictSame(await count(() => ada.post('/logout')), { evalsha: 2 }, 'logout')
})

t.test("with onOutage 'local' they cost the same; what is idle costs less than three a second", async (t) => {
  const { browser } = await createShop(t, { redis: await openLink(t, server.url) })
  const ada = browser()
  await ada.post('/login', { userId: 'ada' })
  await ada.post('/cart', { item: 'a' })
  const reads = 200
  const startedMs = performance.now()
  const commands = await server.countCommands(async () => {
    for (let read = 0; read < reads; read += 1) await ada.get('/me')
  })
  const beats = 3 + 3 * ((performance.now() - startedMs) / 1000)
  const sent = commands['evalsha'] ?? 0
  t.ok(sent >= reads && sent <= reads + beats, `${sent} commands for ${reads} reads`)
})

t.test('of one field, what nobody touched is not written', async (t) => {
  const { browser } = await createShop(t, { redis })
  const ada = browser()
  await ada.post('/login', { userId: 'ada' })
  await ada.post('/cart', { item: 'a' })
  const [key = ''] = (await redis.keys('sess:{*')).filter((each) => !each.endsWith(':i'))
  const before = await redis.hgetall(key)
  await ada.post('/note', { note: 'x' })
  const after = await redis.hgetall(key)
  t.equal(after['f:"cart"'], before['f:"cart"'])
  t.match(after['f:"note"'], /^\d{16} "x"$/)
})

t.test('no session id, cookie or value of a field is ever logged', async (t) => {
  const { browser, log } = await createShop(t, { redis })
  const ada = browser()
  await ada.post('/cart', { item: 'a secret thing' })
  await ada.post('/login', { userId: 'ada', keep: ['cart'] })
  const [cookie = ''] = [...ada.cookies.values()]
  await ada.get('/me')
  await ada.post('/logout')
  await ada.get('/me', { headers: { cookie: `__Host-sid=${cookie}` } })
  t.notMatch(log(), 'a secret thing')
  t.notMatch(log(), cookie.split('.')[0] ?? '?')
  t.notMatch(log(), decodeURIComponent(cookie).split('~')[1]?.slice(0, 20) ?? '?')
})
