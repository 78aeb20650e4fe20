import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import rateLimit from '../dist/index.js'
import { statuses } from './open-app.js'

/* The recipes of the README, word for word. */

const handler = async (): Promise<string> => 'ok'

function newApp(t: Test): FastifyInstance {
  const app = Fastify()
  t.teardown(() => app.close())
  return app
}

const as = (url: string, headers: Record<string, string>) => ({ url, headers })

t.test('limit a route, or a group of routes', async (t) => {
  const app = newApp(t)
  await app.register(rateLimit, { redis: false })
  app.post('/login', { config: { rateLimit: { max: 5, timeWindow: '1 minute' } } }, handler)
  app.get('/search', { config: { rateLimit: { groupId: 'search', max: 30, timeWindow: 60_000 } } }, handler)
  app.get('/suggest', { config: { rateLimit: { groupId: 'search', max: 30, timeWindow: 60_000 } } }, handler)
  app.get('/logo.svg', { config: { rateLimit: false } }, handler)

  t.same((await statuses(app, 6, { url: '/login', method: 'POST' })).slice(4), [200, 429])
  await statuses(app, 15, '/search')
  t.same((await statuses(app, 16, '/suggest')).slice(14), [200, 429])
  t.equal((await statuses(app, 101, '/logo.svg')).at(-1), 200)
})

t.test('give each plan its limit', async (t) => {
  const app = newApp(t)
  const planOf = async (tenant: string) => ({ requestsPerHour: tenant === 'paid' ? 2 : 1 })
  await app.register(rateLimit, {
    keyGenerator: (request) => String(request.headers['x-tenant']),
    max: async (_request, tenant) => (await planOf(tenant)).requestsPerHour,
    timeWindow: '1 hour',
  })
  app.get('/', handler)

  t.same(await statuses(app, 2, as('/', { 'x-tenant': 'free' })), [200, 429])
  t.same(await statuses(app, 3, as('/', { 'x-tenant': 'paid' })), [200, 200, 429])
})

t.test('limit by address, and by user on top', async (t) => {
  const app = newApp(t)
  const userOf = (request: FastifyRequest) => request.headers['x-user']?.toString()
  await app.register(rateLimit, {
    max: 300,
    timeWindow: '1 minute',
    policies: [
      { name: 'user', max: 1000, timeWindow: '1 hour', hook: 'preParsing', keyGenerator: userOf },
      { name: 'burst', max: 20, timeWindow: '1 second' },
    ],
  })
  app.get('/', async (request) => request.rateLimit?.map(({ policy }) => policy))

  t.same((await app.inject(as('/', { 'x-user': 'ann' }))).json(), ['default', 'burst', 'user'])
  t.same((await app.inject('/')).json(), ['default', 'burst'])
})

t.test('charge by cost', async (t) => {
  const app = newApp(t)
  await app.register(rateLimit, { redis: false })
  const rowsOf = (request: FastifyRequest): number => Number(request.headers['x-rows'])
  app.get('/export', { config: { rateLimit: { max: 10_000, cost: rowsOf } } }, handler)

  const rows = async (count: number): Promise<number[]> =>
    statuses(app, 1, as('/export', { 'x-rows': String(count) }))
  t.same([await rows(9000), await rows(1001), await rows(1000)].flat(), [200, 429, 200])
})

t.test('leave out health checks, webhooks and partners', async (t) => {
  const app = newApp(t)
  process.env['RATE_LIMIT_MAX'] = '1'
  t.teardown(() => Reflect.deleteProperty(process.env, 'RATE_LIMIT_MAX'))
  await app.register(rateLimit, {
    exclude: ['/healthz', '/webhooks/*'],
    allowList: ['10.0.0.0/8', '2001:db8::1'],
  })
  for (const url of ['/', '/healthz', '/webhooks/shopify']) app.get(url, handler)

  t.same(await statuses(app, 2), [200, 429])
  t.same(await statuses(app, 2, '/healthz?deep'), [200, 200])
  t.same(await statuses(app, 2, '/webhooks/shopify'), [200, 200])
  t.same(await statuses(app, 2, { url: '/', remoteAddress: '10.1.2.3' }), [200, 200])
})

t.test('behind a proxy', async (t) => {
  const app = Fastify({ trustProxy: '10.0.0.0/8' })
  t.teardown(() => app.close())
  await app.register(rateLimit, { redis: false, max: 1 })
  app.get('/', handler)
  const through = (address: string) => ({
    url: '/',
    remoteAddress: '10.0.0.1',
    headers: { 'x-forwarded-for': address },
  })
  t.same(await statuses(app, 2, through('1.1.1.1')), [200, 429])
  t.same(await statuses(app, 1, through('2.2.2.2')), [200])
})

t.test('ask without refusing', async (t) => {
  const app = newApp(t)
  await app.register(rateLimit, { redis: false })
  const askForCaptcha = () => 'captcha'
  const signIn = ({ method }: FastifyRequest) => `in by ${method}`
  const loginsOf = app.createRateLimit({ name: 'logins', max: 10, timeWindow: '1 hour' })
  app.post('/sign-in', async (request) => {
    const limit = await loginsOf(request)
    return limit.isAllowed || !limit.isExceeded ? signIn(request) : askForCaptcha()
  })

  for (let i = 0; i < 10; i += 1)
    t.equal((await app.inject({ url: '/sign-in', method: 'POST' })).body, 'in by POST')
  t.equal((await app.inject({ url: '/sign-in', method: 'POST' })).body, 'captcha')
})
