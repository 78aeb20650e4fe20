import { eventually, freePort, startRedisServer, type RedisServer, startStopwatch } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import type { SessionOptions } from '../dist/index.js'
import type { Browser } from './browser.js'
import { createShop, type TestApp } from './create-app.js'

/** The link's deadline, and what a busy machine adds to it. */
const deadlineMs = 1000
const slackMs = 500

function shop(t: Test, url: string, options: SessionOptions = {}): Promise<TestApp> {
  const redis = new Redis(url, { lazyConnect: true })
  return createShop(t, { redis, retryAfterSeconds: 7, ...options })
}

async function signIn(shop: TestApp, userId: string): Promise<Browser> {
  const browser = shop.browser()
  await browser.post('/login', { userId, roles: ['admin'] })
  return browser
}

const unavailable = { statusCode: 503, code: 'STAY_SESSION_UNAVAILABLE', error: 'Service Unavailable' }

for (const [fault, hurt] of [
  ['killed', (server) => server.kill()],
  ['frozen', async (server) => server.freeze()],
] as const satisfies [string, (server: RedisServer) => Promise<unknown>][]) {
  t.test(
    `with Redis ${fault} who is signed in here goes on; what needs its word is 503; nobody is called signed out`,
    async (t) => {
      const server = await startRedisServer({}, t)
      const [one, other] = [await shop(t, server.url), await shop(t, server.url)]
      const ada = await signIn(one, 'ada')
      const bob = (await signIn(other, 'bob')).fork(one.app)
      t.equal((await ada.get('/me')).statusCode, 200)
      const cookies = [...bob.cookies]
      await hurt(server)
      for (let round = 0; round < 5; round += 1) {
        const elapsedMs = startStopwatch()
        t.equal((await ada.get('/me')).json<{ userId: string }>().userId, 'ada')
        for (const url of ['/admin', '/fresh', '/sessions']) {
          const response = await ada.get(url)
          t.match(response.json(), unavailable, url)
          t.equal(response.headers['retry-after'], '7', url)
        }
        const guarded = await bob.get('/me')
        t.match(guarded.json(), unavailable)
        t.equal(guarded.headers['retry-after'], '7')
        t.equal((await bob.get('/who')).statusCode, 200, 'an open route goes on')
        t.strictSame([...bob.cookies], cookies, 'and the cookie stays')
        t.ok(elapsedMs() < (round === 0 ? deadlineMs : 0) + slackMs)
      }
      t.match((await one.browser().post('/login', { userId: 'eve' })).json(), unavailable)
      t.equal((await one.browser().get('/me')).statusCode, 401, 'who has no cookie is nobody, as ever')
      const planted = one.browser()
      planted.cookies.set('__Host-sid', 'planted.signature')
      t.equal((await planted.get('/me')).statusCode, 401)
      t.match(
        (await bob.post('/note', { note: 'x' })).json(),
        unavailable,
        'what cannot be seen is not overwritten',
      )
      if (server.running) server.thaw()
    },
  )
}

t.test("with onOutage 'closed' guarded routes are 503, and open ones go on", async (t) => {
  const server = await startRedisServer({}, t)
  const one = await shop(t, server.url, { onOutage: 'closed' })
  const ada = await signIn(one, 'ada')
  await server.kill()
  await eventually(async () => (await ada.get('/me')).statusCode === 503)
  t.match((await ada.get('/who')).json(), { who: null })
  t.match((await ada.post('/note', { note: 'x' })).json(), unavailable)
  t.equal(ada.cookies.size, 1)
})

t.test(
  'who signs out while Redis is away is signed out, here at once and everywhere when it is back',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const [one, other] = [await shop(t, server.url), await shop(t, server.url)]
    const ada = await signIn(one, 'ada')
    const eve = await signIn(one, 'eve')
    const [stolen, elsewhere] = [ada.fork(), ada.fork(other.app)]
    await server.kill()
    await eventually(async () => (await ada.get('/admin')).statusCode === 503)
    t.strictSame((await ada.post('/logout')).json(), { durability: 'buffered' })
    t.equal(ada.cookies.size, 0)
    t.equal((await stolen.fork().get('/me')).statusCode, 401)
    t.match(await one.app.sessions.revokeAll('eve'), { durability: 'buffered' })
    t.equal((await eve.fork().get('/me')).statusCode, 401)
    await server.restart({ keepData: true })
    await eventually(async () => (await elsewhere.fork().get('/me')).statusCode === 401, { withinMs: 10_000 })
    await eventually(async () => (await eve.fork(other.app).get('/me')).statusCode === 401, {
      withinMs: 10_000,
    })
  },
)

t.test('what is written while Redis is away is kept, and whoever was signed in still is', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const [one, other] = [await shop(t, server.url), await shop(t, server.url)]
  const ada = await signIn(one, 'ada')
  await ada.post('/cart', { item: 'before' })
  await server.kill()
  await eventually(async () => (await ada.get('/admin')).statusCode === 503)
  t.strictSame((await ada.post('/cart', { item: 'during' })).json(), ['before', 'during'])
  t.strictSame((await ada.get('/cart')).json(), ['before', 'during'])
  const visitor = one.browser()
  await visitor.post('/cart', { item: 'new' })
  t.strictSame((await visitor.get('/cart')).json(), ['new'], 'a visitor who comes meanwhile has a cart too')
  await server.restart({ keepData: true })
  await eventually(async () => (await visitor.fork(other.app).get('/cart')).body === '["new"]', {
    withinMs: 10_000,
  })
  const elsewhere = ada.fork(other.app)
  await eventually(async () => (await elsewhere.get('/cart')).body === '["before","during"]')
  t.equal((await elsewhere.get('/admin')).statusCode, 200)
})

for (const [fault, hurt] of [
  ['killed', (server) => server.kill()],
  ['frozen', async (server) => server.freeze()],
] as const satisfies [string, (server: RedisServer) => Promise<unknown>][]) {
  t.test(`Redis ${fault} between the load and the save loses nothing`, async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const redis = new Redis(server.url, { lazyConnect: true })
    const one = await createShop(t, { redis }, {}, (app) => {
      app.post('/between', async (request) => {
        await hurt(server)
        request.session.note = 'written'
        return {}
      })
    })
    const ada = await signIn(one, 'ada')
    t.equal((await ada.post('/between')).statusCode, 200)
    t.strictSame((await ada.get('/note')).json(), { note: 'written' })
    if (server.running) server.thaw()
    else await server.restart({ keepData: true })
    await eventually(async () => (await ada.get('/admin')).statusCode === 200, { withinMs: 10_000 })
    t.strictSame((await ada.get('/note')).json(), { note: 'written' })
  })
}

t.test('an app whose Redis is down starts, knows nobody, and picks Redis up when it appears', async (t) => {
  const port = await freePort()
  const elapsedMs = startStopwatch()
  const one = await shop(t, `redis://127.0.0.1:${port}`)
  t.ok(elapsedMs() < 1500)
  t.match((await one.browser().post('/login', { userId: 'ada' })).json(), unavailable)
  t.equal((await one.browser().get('/who')).statusCode, 200)
  await startRedisServer({ port }, t)
  await eventually(async () => (await one.browser().post('/login', { userId: 'ada' })).statusCode === 200, {
    withinMs: 10_000,
  })
})

t.test('an app that ends while Redis is away says how many accepted writes it takes along', async (t) => {
  const server = await startRedisServer({}, t)
  const one = await shop(t, server.url)
  const ada = await signIn(one, 'ada')
  await server.kill()
  await eventually(async () => (await ada.get('/admin')).statusCode === 503)
  await ada.post('/note', { note: 'x' })
  await one.app.close()
  t.match(one.log(), /1 accepted writes are lost/)
})

t.test(
  'Redis is killed and restarted under load: nobody is signed out, and nobody who signed out is in',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const shops = [await shop(t, server.url), await shop(t, server.url)]
    const users = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        signIn(shops[index % 2] ?? shops[0] ?? neverShop(), `user ${index}`),
      ),
    )
    const leaving = new Set<number>()
    const signedOut = new Set<number>()
    const wrong: string[] = []
    let stop = false
    const load = users.map(async (user, index) => {
      for (let round = 0; !stop; round += 1) {
        const there = user.fork(shops[(index + round) % 2]?.app)
        const before = signedOut.has(index)
        const { statusCode } = await there.get('/me')
        // Elsewhere a session may be unknown for a while (503), but never is it called signed out.
        if (before ? statusCode === 200 : statusCode === 401 && !leaving.has(index)) {
          wrong.push(`user ${index}: ${statusCode} in round ${round}`)
        }
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    })
    for (let round = 0; round < 2; round += 1) {
      // Signed out with Redis up and heard, so that both know.
      leaving.add(round)
      const response = await (users[round] ?? neverUser()).fork().post('/logout')
      t.strictSame(response.json(), { durability: 'redis' })
      await new Promise((resolve) => setTimeout(resolve, 200))
      signedOut.add(round)
      await server.restart({ keepData: true })
      await eventually(async () => (await users[5]?.fork().get('/admin'))?.statusCode === 200, {
        withinMs: 15_000,
      })
      await eventually(async () => (await users[5]?.fork(shops[0]?.app).get('/admin'))?.statusCode === 200, {
        withinMs: 15_000,
      })
    }
    stop = true
    await Promise.all(load)
    t.strictSame(wrong, [])
    for (const [index, user] of users.entries()) {
      t.equal((await user.fork(shops[0]?.app).get('/me')).statusCode, signedOut.has(index) ? 401 : 200)
    }
  },
)

function neverShop(): never {
  throw new Error('there are two shops')
}

function neverUser(): never {
  throw new Error('there are twenty users')
}
