import { openLink } from '@stayfast/link-test-kit'
import { startRedisServer } from '@stayfast/test-kit'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import type { SessionOptions } from '../dist/index.js'
import { createShop, type TestApp } from './create-app.js'

const server = await startRedisServer({}, t)

function guarded(app: FastifyInstance): void {
  app.post<{ Body: { userId: string } }>('/sign-in', async (request, reply) => {
    await app.sessions.login(request, request.body)
    return { csrfToken: app.sessions.csrfToken(reply) }
  })
  app.get('/token', async (_request, reply) => ({ csrfToken: app.sessions.csrfToken(reply) }))
  app.post('/buy', { preHandler: [app.sessions.requireCsrf, app.sessions.requireAuth] }, async () => 'bought')
  app.post('/subscribe', { preHandler: app.sessions.requireOwnOrigin }, async () => 'subscribed')
  app.get('/buy', { preHandler: app.sessions.requireCsrf }, async () => 'shown')
}

function shop(t: Test, options: SessionOptions = {}): Promise<TestApp> {
  return createShop(t, { redis: false, ...options }, {}, guarded)
}

const token = (csrfToken: string): { headers: Record<string, string> } => ({
  headers: { 'x-csrf-token': csrfToken },
})

t.test('a change needs the token of its session', async (t) => {
  const { browser } = await shop(t)
  const [ada, bob] = [browser(), browser()]
  const { csrfToken } = (await ada.post('/sign-in', { userId: 'ada' })).json<{ csrfToken: string }>()
  const other = (await bob.post('/sign-in', { userId: 'bob' })).json<{ csrfToken: string }>()
  t.equal((await ada.post('/buy', {}, token(csrfToken))).statusCode, 200)
  t.match((await ada.post('/buy')).json(), { statusCode: 403, code: 'FST_CSRF_INVALID_TOKEN' })
  for (const wrong of ['', 'x', other.csrfToken, csrfToken.slice(1)]) {
    t.equal((await ada.post('/buy', {}, token(wrong))).statusCode, 403, wrong)
  }
  t.equal((await ada.get('/buy')).statusCode, 200, 'looking needs none')
  const again = (await ada.get('/token')).json<{ csrfToken: string }>()
  t.equal(
    (await ada.post('/buy', {}, token(again.csrfToken))).statusCode,
    200,
    'and a later token is as good',
  )
})

t.test('a token does not outlive the sign-in it was made for', async (t) => {
  const { browser } = await shop(t)
  const ada = browser()
  const visitors = (await ada.get('/token')).json<{ csrfToken: string }>()
  const first = (await ada.post('/sign-in', { userId: 'ada' })).json<{ csrfToken: string }>()
  t.equal((await ada.post('/buy', {}, token(visitors.csrfToken))).statusCode, 403)
  await ada.post('/sign-in', { userId: 'ada' })
  t.equal((await ada.post('/buy', {}, token(first.csrfToken))).statusCode, 403)
})

t.test('a change from a page of another origin is refused, token or not', async (t) => {
  const { browser } = await shop(t, { trustedOrigins: ['https://trusted.test'] })
  const ada = browser()
  const { csrfToken } = (await ada.post('/sign-in', { userId: 'ada' })).json<{ csrfToken: string }>()
  const from = async (origin: string): Promise<number> =>
    (await ada.post('/buy', {}, { headers: { ...token(csrfToken).headers, origin, host: 'shop.test' } }))
      .statusCode
  t.equal(await from('https://evil.test'), 403)
  t.equal(await from('null'), 403)
  t.equal(await from('https://shop.test'), 200)
  t.equal(await from('https://trusted.test'), 200)
})

t.test(
  'what needs no session is refused from a page of another origin, and taken from a program',
  async (t) => {
    const { browser } = await shop(t, { trustedOrigins: ['https://trusted.test'] })
    const from = (headers: Record<string, string>): Promise<{ statusCode: number; json(): unknown }> =>
      browser().post('/subscribe', {}, { headers: { host: 'shop.test', ...headers } })
    for (const origin of ['https://evil.test', 'null', 'http://shop.test:81', 'no origin']) {
      t.match(
        (await from({ origin })).json(),
        { statusCode: 403, code: 'STAY_SESSION_ORIGIN_FOREIGN' },
        origin,
      )
    }
    t.equal((await from({})).statusCode, 200)
    t.equal((await from({ origin: 'https://shop.test' })).statusCode, 200)
    t.equal((await from({ origin: 'https://trusted.test' })).statusCode, 200)
  },
)

t.test('what brings no session passes this guard, and meets the others', async (t) => {
  const { browser } = await shop(t)
  t.match((await browser().post('/buy')).json(), { statusCode: 401, code: 'STAY_SESSION_REQUIRED' })
})

t.test('while Redis is away and nobody knows whose the session is it is 503', async (t) => {
  const own = await startRedisServer({}, t)
  const { browser } = await shop(t, { redis: await openLink(t, own.url), onOutage: 'closed' })
  const ada = browser()
  const { csrfToken } = (await ada.post('/sign-in', { userId: 'ada' })).json<{ csrfToken: string }>()
  await own.kill()
  const response = await ada.post('/buy', {}, token(csrfToken))
  t.match(response.json(), { statusCode: 503, code: 'STAY_SESSION_UNAVAILABLE' })
  t.equal(response.headers['retry-after'], '2')
})

t.test('a token costs no write of its own', async (t) => {
  const redis = new Redis(server.url)
  t.teardown(() => {
    redis.disconnect()
  })
  const link = await openLink(t, server.url, { heartbeatMs: false })
  const { browser } = await shop(t, { redis: link, onOutage: 'closed' })
  const ada = browser()
  const warm = browser()
  await warm.post('/sign-in', { userId: 'warm' })
  await warm.get('/token')
  t.strictSame(
    await server.countCommands(async () => {
      await ada.post('/sign-in', { userId: 'ada' })
    }),
    { evalsha: 1 },
  )
  t.strictSame(
    await server.countCommands(async () => {
      await ada.get('/token')
    }),
    { evalsha: 1 },
  )
})

t.test('without it nothing is registered, and asking for it says so', async (t) => {
  const { app, browser } = await shop(t, { csrf: false })
  t.notOk(app.hasPlugin('@fastify/csrf-protection'))
  t.match((await browser().get('/token')).json(), { code: 'STAY_SESSION_OPTION_INVALID' })
  t.match((await browser().post('/buy')).json(), { code: 'STAY_SESSION_OPTION_INVALID' })
})
