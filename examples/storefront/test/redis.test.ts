import { eventually, type RedisServer, startRedisServer } from '@stayfast/test-kit'
import { type FastifyInstance } from 'fastify'
import { performance } from 'node:perf_hooks'
import t, { type Test } from 'tap'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
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

t.test('with Redis down the app starts and serves, and picks Redis up when it comes', async (t) => {
  const redis = await startRedisServer({}, t)
  await redis.kill()
  const app = await open(t, redis)
  const shop = await new StorefrontClient(app, id).open()
  t.match((await shop.send('GET', '/')).json(), { status: 'degraded' })
  t.same((await shop.send('GET', '/api/v1/health')).json(), {
    status: 'degraded',
    redis: { status: 'unhealthy', latency: null, connected: false },
  })
  t.equal((await shop.ask('GET', '/products')).statusCode, 200, 'what was opened here is known here')
  const stranger = new StorefrontClient(app, '3f2504e0-4f89-41d3-9a0c-0305e82c330f')
  const unknown = await stranger.ask('GET', '/products')
  t.match(unknown.json(), { statusCode: 503, code: /^STAY_/, error: 'Service Unavailable' })
  t.match(unknown.headers, { 'retry-after': /^\d+$/ })
  await redis.restart()
  await upAgain(app)
  await shop.open()
  t.equal((await shop.ask('GET', '/products')).statusCode, 200)
  t.match((await shop.send('GET', '/')).json(), { status: 'ok', redis: 'up' })
})

t.test('while Redis is frozen the dashboard opens, health is quick, and nothing waits for 2 s', async (t) => {
  const redis = await startRedisServer({}, t)
  const app = await open(t, redis)
  const shop = await new StorefrontClient(app, id).open()
  redis.freeze()
  t.teardown(() => redis.thaw())
  const timed = async (path: string): Promise<{ statusCode: number; milliseconds: number }> => {
    const startedMs = performance.now()
    const { statusCode } = await shop.send('GET', path)
    return { statusCode, milliseconds: performance.now() - startedMs }
  }
  const whileUp = await timed('/api/v1/health')
  t.equal(whileUp.statusCode, 200)
  t.ok(whileUp.milliseconds < 50, 'before it is noticed, the last snapshot is given')
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
