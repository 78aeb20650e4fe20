import { openLink } from '@stayfast/link-test-kit'
import { healthReporterOf } from '@stayfast/redis-kit'
import { startRedisServer } from '@stayfast/test-kit'
import fastifyRedis from '@fastify/redis'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import tenantInstanceStore, { type TenantInstances, type TenantInstanceStoreOptions } from '../dist/index.js'

declare module 'fastify' {
  interface FastifyInstance {
    partners: TenantInstances
  }
}

const server = await startRedisServer({}, t)
const redis = new Redis(server.url)
t.teardown(() => {
  redis.disconnect()
})
t.beforeEach(async () => {
  await redis.flushall()
})

interface Line {
  readonly level: number
  readonly msg: string
}

function isLine(value: unknown): value is Line {
  return typeof value === 'object' && value !== null && 'level' in value && 'msg' in value
}

async function boot(app: FastifyInstance): Promise<void> {
  await app.ready()
}

/** An app that logs into a list. */
function createApp(t: Test): { app: FastifyInstance; lines: Line[]; log: () => string } {
  const lines: Line[] = []
  let text = ''
  const app = Fastify({
    logger: {
      level: 'trace',
      stream: {
        write(line: string) {
          text += line
          const parsed: unknown = JSON.parse(line)
          if (isLine(parsed)) lines.push({ level: parsed.level, msg: parsed.msg })
        },
      },
    },
  })
  t.teardown(() => app.close())
  return { app, lines, log: () => text }
}

/** An app with a route of a tenant. */
function createTenantApp(t: Test, options: TenantInstanceStoreOptions): ReturnType<typeof createApp> {
  const created = createApp(t)
  const { app } = created
  app.register(tenantInstanceStore, options)
  app.register(async (app) => {
    const answer = { preHandler: app.tenantInstances.require }
    app.get('/api/:instanceId/who', answer, async (request) => request.tenantInstance)
    app.get('/who', answer, async (request) => request.tenantInstance)
    app.get('/open', async (request) => ({ tenantInstance: request.tenantInstance }))
  })
  return created
}

const notFound = {
  statusCode: 404,
  code: 'STAY_INSTANCE_NOT_FOUND',
  error: 'Not Found',
  message: 'Instance not found',
}

for (const [where, option] of [
  ['memory', () => false as const],
  ['redis', () => redis],
] as const) {
  t.test(`${where}: a route of a tenant answers a known instance, and 404 for an unknown one`, async (t) => {
    const { app } = createTenantApp(t, { redis: option() })
    await app.ready()
    await app.tenantInstances.save({ id: 'a', vendorId: 'vendor-1' })
    const known = await app.inject('/api/a/who')
    t.equal(known.statusCode, 200)
    t.strictSame(known.json(), { id: 'a', vendorId: 'vendor-1' })
    const unknown = await app.inject('/api/b/who')
    t.equal(unknown.statusCode, 404)
    t.strictSame(unknown.json(), notFound)
    t.strictSame((await app.inject('/open')).json(), { tenantInstance: null })
  })
}

t.test('it reports its link and its numbers to whoever asks, without a command', async (t) => {
  const link = await openLink(t, server.url)
  const { app } = createApp(t)
  app.register(tenantInstanceStore, { redis: link })
  await app.ready()
  await app.tenantInstances.save({ id: 'a' })
  const report = healthReporterOf(app.tenantInstances)?.()
  t.equal(report?.link, link)
  t.match(report, {
    plugin: 'tenant-instance-store',
    holds: 'data',
    counts: { pending_writes: 0, quarantined_writes: 0, local_copies: Number },
  })
})

t.test('require costs one command', async (t) => {
  const { app } = createTenantApp(t, {
    redis: await openLink(t, server.url, { heartbeatMs: false }),
    // The beats of the bus would be counted too.
    answerFromMemory: false,
  })
  await app.ready()
  await app.tenantInstances.save({ id: 'a' })
  const commands = await server.countCommands(async () => {
    await app.inject('/api/a/who')
  })
  t.strictSame(commands, { hmget: 1 })
})

t.test('the id comes from the route, else the header, else the query', async (t) => {
  const { app } = createTenantApp(t, { redis: false })
  await app.ready()
  for (const id of ['param', 'header', 'query']) await app.tenantInstances.save({ id })
  const id = async (url: string, headers: Record<string, string> = {}): Promise<unknown> =>
    (await app.inject({ url, headers })).json<{ id: unknown }>().id
  const header = { 'x-instance-id': 'header' }
  t.equal(await id('/api/param/who?instanceId=query', header), 'param')
  t.equal(await id('/who?instanceId=query', header), 'header')
  t.equal(await id('/who?instanceId=query'), 'query')
})

t.test('what cannot be an id is a 400 and never asks Redis', async (t) => {
  const { app } = createTenantApp(t, {
    redis: await openLink(t, server.url, { heartbeatMs: false }),
    // The beats of the bus would be counted too.
    answerFromMemory: false,
  })
  await app.ready()
  const long = 'x'.repeat(201)
  const requests = [
    { url: '/who' },
    { url: '/who?instanceId=' },
    { url: '/who?instanceId=a&instanceId=b' },
    { url: '/who', headers: { 'x-instance-id': '' } },
    { url: '/who', headers: { 'x-instance-id': 'x'.repeat(8_000) } },
    { url: '/api/%00/who' },
    { url: '/api/a%0Ab/who' },
    { url: `/who?instanceId=${long}` },
    { url: `/who?instanceId=${'x'.repeat(10_240)}` },
  ]
  const commands = await server.countCommands(async () => {
    for (const request of requests) {
      const response = await app.inject(request)
      t.equal(response.statusCode, 400, request.url.slice(0, 40))
      t.match(response.json(), { code: 'STAY_INSTANCE_ID_INVALID', error: 'Bad Request' })
      t.notMatch(response.body, /xxx/, 'the text is not sent back')
    }
  })
  t.strictSame(commands, {})
})

t.test('an app says itself where the id is, and which ids it has', async (t) => {
  const { app } = createTenantApp(t, {
    redis: false,
    instanceIdFrom: async (request) => Promise.resolve(request.headers['x-shop']),
    isInstanceId: (id) => id.endsWith('.example.test'),
  })
  await app.ready()
  await app.tenantInstances.save({ id: 'one.example.test' })
  const who = async (shop: string): Promise<number> =>
    (await app.inject({ url: '/api/ignored/who', headers: { 'x-shop': shop } })).statusCode
  t.equal(await who('one.example.test'), 200)
  t.equal(await who('two.example.test'), 404)
  t.equal(await who('elsewhere.test'), 400)
  await t.rejects(app.tenantInstances.save({ id: 'x' }), { code: 'STAY_INSTANCE_ID_INVALID' })
})

t.test('Redis is found wherever it is registered, before or after', async (t) => {
  await t.test('by @fastify/redis registered later', async (t) => {
    const { app, lines } = createApp(t)
    app.register(tenantInstanceStore)
    app.register(fastifyRedis, { url: server.url })
    await app.ready()
    t.strictSame(await app.tenantInstances.save({ id: 'a' }), { durability: 'redis', created: true })
    t.equal(await redis.exists('instance:a'), 1)
    t.ok(lines.some(({ level, msg }) => level === 30 && msg === 'tenant-instance-store: redis (unknown)'))
  })

  await t.test('by a namespace of it', async (t) => {
    const { app } = createApp(t)
    app.register(fastifyRedis, { url: server.url, namespace: 'main' })
    app.register(tenantInstanceStore, { redis: 'main' })
    await app.ready()
    t.match(await app.tenantInstances.save({ id: 'b' }), { durability: 'redis' })
  })

  await t.test('by app.redisConnection, which goes before it', async (t) => {
    const link = await openLink(t, server.url, {
      traits: { provider: 'local' },
      keyPrefix: () => 'connection:',
    })
    const { app, lines } = createApp(t)
    app.register(tenantInstanceStore)
    app.register(fastifyRedis, { url: server.url })
    app.decorate('redisConnection', { status: 'up', link: () => link })
    await app.ready()
    await app.tenantInstances.save({ id: 'c' })
    t.equal(await redis.exists('connection:instance:c'), 1)
    t.ok(lines.some(({ msg }) => msg === 'tenant-instance-store: redis (local)'))
    await app.close()
    t.equal(link.status, 'up', 'the link belongs to whoever made it')
  })

  await t.test('a client with a key prefix keeps it, for listings too', async (t) => {
    const prefixed = new Redis(server.url, { keyPrefix: 'app:' })
    t.teardown(() => {
      prefixed.disconnect()
    })
    const { app } = createApp(t)
    app.register(tenantInstanceStore, { redis: prefixed })
    await app.ready()
    await app.tenantInstances.save({ id: 'd' })
    t.equal(await redis.exists('app:instance:d'), 1)
    t.strictSame((await app.tenantInstances.list()).items, [{ id: 'd' }])
    await app.close()
    t.equal(await prefixed.get('x'), null, 'and is not closed with the app')
  })

  await t.test('a namespace that does not exist is told at start', async (t) => {
    const { app } = createApp(t)
    app.register(tenantInstanceStore, { redis: 'nowhere' })
    await t.rejects(boot(app), { message: /no @fastify\/redis namespace "nowhere"/ })
  })
})

t.test('without Redis the app works in memory and says so', async (t) => {
  const { app, lines } = createApp(t)
  app.register(tenantInstanceStore)
  await app.ready()
  t.strictSame(await app.tenantInstances.save({ id: 'a' }), { durability: 'buffered', created: true })
  t.strictSame(await app.tenantInstances.get('a'), { id: 'a' })
  t.strictSame(
    lines.filter(({ msg }) => msg.startsWith('tenant-instance-store')),
    [{ level: 30, msg: 'tenant-instance-store: memory; set REDIS_URL to share and keep it' }],
  )
})

t.test('in production memory is a warning', async (t) => {
  const before = process.env['NODE_ENV']
  process.env['NODE_ENV'] = 'production'
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = before
  })
  const { app, lines } = createApp(t)
  app.register(tenantInstanceStore)
  await app.ready()
  t.ok(lines.some(({ level, msg }) => level === 40 && msg.startsWith('tenant-instance-store: memory')))
})

t.test('two stores in one app do not see each other', async (t) => {
  const { app } = createApp(t)
  app.register(tenantInstanceStore, { redis })
  app.register(tenantInstanceStore, { redis, decorateAs: 'partners', keyPrefix: 'partners:' })
  app.register(async (app) => {
    app.get(
      '/tenants/:instanceId',
      { preHandler: app.tenantInstances.require },
      async (request) => request.tenantInstance,
    )
    app.get(
      '/partners/:instanceId',
      { preHandler: app.partners.require },
      async (request) => request.tenantInstance,
    )
  })
  await app.ready()
  await app.tenantInstances.save({ id: 'a', of: 'tenants' })
  await app.partners.save({ id: 'a', of: 'partners' })
  await app.partners.save({ id: 'b' })
  t.strictSame((await app.inject('/tenants/a')).json(), { id: 'a', of: 'tenants' })
  t.strictSame((await app.inject('/partners/a')).json(), { id: 'a', of: 'partners' })
  t.equal((await app.inject('/tenants/b')).statusCode, 404)
  t.equal((await app.tenantInstances.list()).items.length, 1)
})

t.test('the decorator of the request can have another name', async (t) => {
  const { app } = createApp(t)
  app.register(tenantInstanceStore, { redis: false, decorateRequestAs: 'shop' })
  app.register(async (app) => {
    app.get('/', { preHandler: app.tenantInstances.require }, async (request) => request.getDecorator('shop'))
  })
  await app.ready()
  await app.tenantInstances.save({ id: 'a' })
  t.strictSame((await app.inject('/?instanceId=a')).json(), { id: 'a' })
})

t.test('before the app is ready each method says what to do', async (t) => {
  const { app } = createApp(t)
  await app.register(tenantInstanceStore)
  const notReady = { code: 'STAY_INSTANCE_STORE_NOT_READY', message: /await app\.ready\(\)/ }
  await t.rejects(app.tenantInstances.get('a'), notReady)
  await t.rejects(app.tenantInstances.save({ id: 'a' }), notReady)
  await t.rejects(app.tenantInstances.update('a', {}), notReady)
  await t.rejects(app.tenantInstances.delete('a'), notReady)
  await t.rejects(app.tenantInstances.list(), notReady)
})

t.test('an unknown option ends the registration', async (t) => {
  const { app } = createApp(t)
  app.register(tenantInstanceStore, Object.fromEntries([['ttlSecond', 1]]))
  await t.rejects(boot(app), { code: 'STAY_INSTANCE_OPTION_INVALID', message: /Did you mean "ttlSeconds"/ })
})

t.test('no value of a field is ever logged', async (t) => {
  const secret = 'shpat_very_secret'
  const { app, log } = createTenantApp(t, { redis, maxBytes: 100 })
  await app.ready()
  await app.tenantInstances.save({ id: 'a', token: secret })
  await app.tenantInstances.update('a', { token: secret })
  await app.inject('/api/a/who')
  await redis.set('instance:b', secret)
  const outcomes = await Promise.allSettled([
    app.tenantInstances.get('b'),
    app.tenantInstances.save({ id: 'b', token: secret }),
    app.tenantInstances.save({ id: 'c', token: secret.repeat(10) }),
    app.tenantInstances.update('nobody', { token: secret }),
  ])
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') t.fail('it should have been refused')
    else app.log.error(outcome.reason, 'as an app would log it')
  }
  t.notMatch(log(), secret)
})

t.test('whom Redis does not know the source is asked for; undefined and null are nobody', async (t) => {
  const records = new Map<string, object | null>([
    ['known', { shop: 'one.example.test' }],
    ['null', null],
  ])
  const { app } = createTenantApp(t, {
    redis,
    source: { load: (id) => Promise.resolve(records.get(id)) },
  })
  await boot(app)
  t.match(await app.tenantInstances.get('known'), { id: 'known', shop: 'one.example.test' })
  t.equal(await app.tenantInstances.get('null'), undefined)
  t.equal(await app.tenantInstances.get('nobody'), undefined)
})
