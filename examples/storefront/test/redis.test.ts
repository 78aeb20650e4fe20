import { eventually, type RedisServer, startRedisServer, startStopwatch } from '@stayfast/test-kit'
import { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { DEMO_PASSWORD } from './demo-password.js'
import { openStorefront } from './open-storefront.js'
import { StorefrontClient } from './storefront-client.js'

const THIRTY_DAYS_SECONDS = 30 * 24 * 60 * 60
const id = '3f2504e0-4f89-41d3-9a0c-0305e82c330e'

// One catalogue for all the apps of this file, which come and go: what is tested here is not in it.
const database = await openCatalogue({ kind: 'memory' }, () => undefined)
t.teardown(() => database.close())

const open = (t: Test, redis: RedisServer): Promise<FastifyInstance> =>
  openStorefront(t, { REDIS_URL: redis.url }, database)

const upAgain = (app: FastifyInstance): Promise<unknown> =>
  eventually(() => app.redisConnection.status === 'up')

t.test('an instance is kept for 30 days under its key, and known to every process', async (t) => {
  const redis = await startRedisServer({}, t)
  const first = await new StorefrontClient(await open(t, redis), id).open()
  t.equal(await redis.command('EXISTS', `instance:${id}`), 1)
  const ttlSeconds = Number(await redis.command('TTL', `instance:${id}`))
  t.ok(ttlSeconds > THIRTY_DAYS_SECONDS - 60 && ttlSeconds <= THIRTY_DAYS_SECONDS)
  const second = await new StorefrontClient(await open(t, redis), id).signIn()
  for (const shop of [first, second]) t.equal((await shop.ask('GET', '/products')).statusCode, 200)
  const installed = await second.send('POST', '/api/instances', { instance: id })
  t.equal(installed.statusCode, 200)
  t.same(installed.json(), { id, vendorId: 'vendor-3', durability: 'redis' })
})

t.test('a healthy Redis is told with its latency', async (t) => {
  const shop = new StorefrontClient(await open(t, await startRedisServer({}, t)))
  t.match((await shop.send('GET', '/')).json(), { status: 'ok', redis: 'up' })
  const health = (await shop.send('GET', '/api/v1/health')).json<{ redis: { latency: string } }>()
  t.same(health, {
    status: 'ok',
    redis: { status: 'healthy', latency: health.redis.latency, connected: true },
  })
  t.match(health.redis.latency, /^\d+ms$/)
})

t.test('with Redis down the app starts, and picks Redis up when it comes', async (t) => {
  const redis = await startRedisServer({}, t)
  await redis.kill()
  const app = await open(t, redis)
  const shop = new StorefrontClient(app, id)
  t.match((await shop.send('GET', '/')).json(), { status: 'degraded' })
  t.same((await shop.send('GET', '/api/v1/health')).json(), {
    status: 'degraded',
    redis: { status: 'unhealthy', latency: null, connected: false },
  })
  t.equal((await shop.send('GET', `/dashboard?instance=${id}`)).statusCode, 200)
  const login = await shop.send('POST', '/auth/login', {
    email: 'vendor-3@demo.test',
    password: DEMO_PASSWORD,
  })
  t.match(login.json(), { statusCode: 503, code: /^STAY_/, error: 'Service Unavailable' })
  t.match(login.headers, { 'retry-after': /^\d+$/ })
  t.notOk('set-cookie' in login.headers)
  await redis.restart()
  await upAgain(app)
  await shop.open()
  t.equal((await shop.ask('GET', '/products')).statusCode, 200)
  t.match((await shop.send('GET', '/')).json(), { status: 'ok', redis: 'up' })
})

t.test('who is signed in goes on working while Redis is away', async (t) => {
  const redis = await startRedisServer({ appendOnly: true }, t)
  const app = await open(t, redis)
  const shop = await new StorefrontClient(app, id).open()
  const admin = await new StorefrontClient(app, id).signIn('admin')
  t.equal((await shop.ask('GET', '/products')).statusCode, 200)
  await redis.kill()
  await eventually(() => app.redisConnection.status !== 'up')
  t.equal((await shop.ask('GET', '/products')).statusCode, 200)
  t.equal((await shop.ask('PUT', '/products/p-3-1', { stock: 3 })).statusCode, 200)
  const unknown = await shop.send('GET', '/api/3f2504e0-4f89-41d3-9a0c-0305e82c330f/products')
  t.match(unknown.json(), { statusCode: 503, code: 'STAY_INSTANCE_UNKNOWN' }, 'not 404')
  const metrics = await admin.send('GET', '/api/admin/metrics')
  t.match(metrics.json(), { statusCode: 503, code: /^STAY_SESSION/ }, 'a role needs the word of Redis')
  t.equal((await app.inject(`/api/${id}/products`)).statusCode, 401, 'a visitor is a visitor')
  await redis.restart({ keepData: true })
  await upAgain(app)
  await eventually(async () => (await admin.send('GET', '/api/admin/metrics')).statusCode === 200)
  t.equal((await shop.ask('GET', '/products')).statusCode, 200)
})

t.test('while Redis is frozen the dashboard opens, health is quick, and nothing waits for 2 s', async (t) => {
  const redis = await startRedisServer({}, t)
  const app = await open(t, redis)
  const shop = await new StorefrontClient(app, id).open()
  redis.freeze()
  t.teardown(() => redis.thaw())
  const timed = async (path: string): Promise<{ statusCode: number; milliseconds: number }> => {
    const elapsedMs = startStopwatch()
    // A probe has no cookie; with one, the session is looked up first.
    const { statusCode } = path.includes('/health') ? await app.inject(path) : await shop.send('GET', path)
    return { statusCode, milliseconds: elapsedMs() }
  }
  const whileUp = await timed('/api/v1/health')
  t.equal(whileUp.statusCode, 200)
  t.ok(
    whileUp.milliseconds < 50,
    `before it is noticed, the last snapshot is given: ${whileUp.milliseconds} ms`,
  )
  const answers = await Promise.all([
    timed(`/dashboard?instance=${id}`),
    timed('/dashboard?instance=00000000-0000-4000-8000-000000000001'),
    timed(`/api/${id}/products`),
  ])
  t.same([answers[0].statusCode, answers[1].statusCode], [200, 200])
  t.ok([200, 503].includes(answers[2].statusCode))
  for (const { milliseconds } of answers) t.ok(milliseconds < 2_000)
  await eventually(() => app.redisConnection.status !== 'up')
  const whileDown = await timed('/api/v1/health')
  t.ok(whileDown.milliseconds < 50)
  redis.thaw()
  await upAgain(app)
  t.equal((await shop.ask('GET', '/products')).statusCode, 200)
})
