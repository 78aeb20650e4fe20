import { healthReporterOf } from '@stayfast/redis-kit'
import { eventually, freePort, startRedisServer } from '@stayfast/test-kit'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import t from 'tap'
import rateLimit from '../dist/index.js'
import { limitHeaders, openApp, statuses } from './open-app.js'

const server = await startRedisServer({}, t)

for (const [where, open] of [
  ['memory', () => ({ redis: false as const })],
  ['redis', () => ({ redis: new Redis(server.url, { lazyConnect: true }), nameSpace: 'plugin:' })],
] as const) {
  t.test(
    `${where}: max requests get through, then 429 in Fastify's shape until the time that it names`,
    async (t) => {
      const { app } = await openApp(t, { ...open(), max: 2, timeWindow: '1 minute' })
      t.same(await statuses(app, 2), [200, 200])
      const refused = await app.inject('/')
      t.equal(refused.statusCode, 429)
      t.match(refused.json(), {
        statusCode: 429,
        code: 'STAY_RATE_EXCEEDED',
        error: 'Too Many Requests',
        message: /^Rate limit exceeded, retry in (1 minute|\d+ seconds)$/,
      })
      const retryAfter = Number(refused.headers['retry-after'])
      t.ok(retryAfter > 0 && retryAfter <= 61, String(retryAfter))
    },
  )
}

t.test('without options it is 100 requests in 15 minutes by address', async (t) => {
  const { app } = await openApp(t)
  const first = await app.inject('/')
  t.equal(first.headers['ratelimit-policy'], '"default";q=100;w=900')
  await statuses(app, 99)
  t.equal((await app.inject('/')).statusCode, 429)
  t.equal((await app.inject({ url: '/', remoteAddress: '10.0.0.1' })).statusCode, 200)
})

t.test('what no route answers is limited as well', async (t) => {
  const { app } = await openApp(t, { max: 2 }, (app) => {
    app.setNotFoundHandler((_request, reply) => reply.code(404).send({ own: true }))
  })
  t.same(await statuses(app, 3, '/nowhere'), [404, 404, 429])
})

t.test('routes that were registered before it are limited, by what they say themselves', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.get('/early', async () => 'ok')
  app.get('/own', { config: { rateLimit: { max: 1 } } }, async () => 'ok')
  app.get('/free', { config: { rateLimit: false } }, async () => 'ok')
  app.get('/late', { config: { rateLimit: { max: 1, hook: 'preHandler' } } }, async () => 'ok')
  await app.register(rateLimit, { redis: false, max: 2 })
  t.same(await statuses(app, 3, '/early'), [200, 200, 429])
  t.same(await statuses(app, 2, '/own'), [200, 429])
  t.same(await statuses(app, 4, '/free'), [200, 200, 200, 200])
  const late = await app.inject('/late')
  t.match(late.json(), { code: 'STAY_RATE_OPTION_INVALID', message: /register rate-limit before the routes/ })
})

t.test('a request is counted before any later hook runs, and a refused one runs none', async (t) => {
  const hooks: string[] = []
  const { app } = await openApp(t, { max: 1 }, (app) => {
    app.addHook('onRequest', async () => {
      hooks.push('session')
    })
  })
  await statuses(app, 3)
  t.same(hooks, ['session'])
})

t.test('a handler sees what its request was counted by', async (t) => {
  const { app } = await openApp(t, { max: 5, timeWindow: 60_000 }, (app) => {
    app.get('/seen', async (request) => request.rateLimit)
    app.get('/free', { config: { rateLimit: false } }, async (request) => ({ seen: request.rateLimit }))
  })
  await app.inject('/')
  const [limit] = (await app.inject('/seen')).json<Record<string, unknown>[]>()
  t.match(limit, {
    policy: 'default',
    key: '127.0.0.1',
    max: 5,
    windowMs: 60_000,
    allowed: true,
    remaining: 3,
    by: 'memory',
  })
  t.same((await app.inject('/free')).json(), { seen: null })
})

t.test('excluded paths are not limited, whatever their query', async (t) => {
  const { app } = await openApp(t, { max: 1, exclude: ['/healthz', '/webhooks/*'] }, (app) => {
    app.get('/healthz', async () => 'ok')
    app.get('/healthz2', async () => 'ok')
    app.get('/webhooks/:provider', async () => 'ok')
  })
  t.same(await statuses(app, 3, '/healthz?deep=1'), [200, 200, 200])
  t.same(await statuses(app, 3, '/webhooks/shopify'), [200, 200, 200])
  t.same(await statuses(app, 2, '/healthz2'), [200, 429])
  const excluded = await app.inject('/healthz')
  t.same(limitHeaders(excluded), {})
})

t.test('with global: false only routes that say so are limited', async (t) => {
  const { app } = await openApp(t, { max: 1, global: false }, (app) => {
    app.get('/own', { config: { rateLimit: {} } }, async () => 'ok')
  })
  t.same(await statuses(app, 3), [200, 200, 200])
  t.same(await statuses(app, 3, '/nowhere'), [404, 404, 404])
  t.same(await statuses(app, 2, '/own'), [200, 429])
})

t.test('registered twice it is refused, and says what to do instead', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(rateLimit, { redis: false })
  await t.rejects(async () => app.register(rateLimit, { redis: false, max: 5 }), {
    code: 'STAY_RATE_OPTION_INVALID',
    message: /option policies/,
  })
})

t.test('two parts of an app can have a limit each', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  for (const [prefix, max] of [
    ['/a', 1],
    ['/b', 2],
  ] as const) {
    await app.register(
      async (part) => {
        await part.register(rateLimit, { redis: false, max, name: prefix })
        part.get('/', async () => 'ok')
      },
      { prefix },
    )
  }
  t.same(await statuses(app, 2, '/a'), [200, 429])
  t.same(await statuses(app, 3, '/b'), [200, 200, 429])
})

t.test('one line says what it uses', async (t) => {
  const memory = await openApp(t)
  t.ok(memory.lines.some(({ msg }) => msg === 'rate-limit: memory; set REDIS_URL to share and keep it'))
  const redis = await openApp(t, { redis: new Redis(server.url, { lazyConnect: true }) })
  t.ok(redis.lines.some(({ msg }) => msg.startsWith('rate-limit: redis (')))
  const off = await openApp(t, { enabled: false, max: 1 }, (app) => {
    const limit = app.createRateLimit()
    app.get('/manual', async (request) => limit(request))
    app.get('/hook', { preHandler: app.rateLimit({ max: 0 }) }, async () => 'ok')
  })
  t.ok(off.lines.some(({ msg }) => msg.startsWith('rate-limit: off')))
  t.same(await statuses(off.app, 3), [200, 200, 200])
  t.equal((await off.app.inject('/hook')).statusCode, 200)
  t.match((await off.app.inject('/manual')).json(), { isExceeded: false })
})

t.test('it reports what became of requests to whoever asks', async (t) => {
  const { app } = await openApp(t, { max: 2 })
  await statuses(app, 5)
  t.match(healthReporterOf(Reflect.get(app, 'rateLimit'))?.(), {
    plugin: 'rate-limit',
    counts: { admitted_total: 2, denied_total: 3, local_decisions_total: 0 },
  })
})

t.test('asked before the app is ready it says so', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(rateLimit, { redis: false })
  const asked: unknown = Reflect.apply(app.createRateLimit(), undefined, [
    { ip: '1.2.3.4', routeOptions: {} },
  ])
  await t.rejects(Promise.resolve(asked), { code: 'STAY_RATE_NOT_READY' })
})

t.test("an error of a function of the app is that request's error", async (t) => {
  const broken = {
    '/key': {
      keyGenerator: () => {
        throw new Error('no key')
      },
    },
    '/max': { max: () => Promise.reject(new Error('no max')) },
    '/bad-max': { max: () => -1 },
    '/bad-window': { timeWindow: () => 'soon' as never },
    '/bad-cost': { cost: () => 1.5 },
    '/builder': {
      max: 0,
      errorResponseBuilder: () => {
        throw new Error('no answer')
      },
    },
    '/bad-builder': { max: 0, errorResponseBuilder: () => undefined as never },
  }
  const { app } = await openApp(t, {}, (app) => {
    for (const [url, rateLimit] of Object.entries(broken)) {
      app.get(url, { config: { rateLimit } }, async () => 'ok')
    }
  })
  const answer = async (url: string): Promise<unknown> => (await app.inject(url)).json()
  t.match(await answer('/key'), { statusCode: 500, message: 'no key' })
  t.match(await answer('/max'), { statusCode: 500, message: 'no max' })
  t.match(await answer('/builder'), { statusCode: 500, message: 'no answer' })
  for (const url of ['/bad-max', '/bad-window', '/bad-cost', '/bad-builder']) {
    t.match(await answer(url), { statusCode: 500, code: 'STAY_RATE_VALUE_INVALID' }, url)
  }
})

t.test('an app boots without its Redis, limits by itself, and charges it when it is there', async (t) => {
  const port = await freePort()
  const { app, lines } = await openApp(t, {
    redis: new Redis({ port, lazyConnect: true }),
    max: 5,
    timeWindow: '1 day',
    returnAfterSeconds: 0.2,
  })
  t.same(await statuses(app, 6), [200, 200, 200, 200, 200, 429])
  t.equal((await app.inject({ url: '/', remoteAddress: '10.0.0.1' })).statusCode, 200)
  const late = await startRedisServer({ port }, t)
  await eventually(async () => Number(await late.command('dbsize')) >= 3, { withinMs: 15_000 })
  const second = await openApp(t, {
    redis: new Redis(late.url, { lazyConnect: true }),
    max: 5,
    timeWindow: '1 day',
  })
  t.same(await statuses(second.app, 1), [429], 'in another process as well')
  t.same(await statuses(app, 1), [429])
  const told = lines.map(({ msg }) => msg).filter((msg) => msg.startsWith('rate-limit: Redis'))
  t.match(told, [
    'rate-limit: Redis does not count. Until it is back, this process gives out 1/1 of each limit, at least one request.',
    /^rate-limit: Redis counts again after \d+ s\.$/,
  ])
  t.equal(told.length, 2, 'however many requests there were')
})

t.test(
  "with onOutage 'closed' a route answers 503 while Redis is away, with 'open' it is not limited",
  async (t) => {
    const { app } = await openApp(
      t,
      {
        redis: new Redis({ port: await freePort(), lazyConnect: true }),
        onOutage: 'closed',
        retryAfterSeconds: 7,
      },
      (app) => {
        app.get('/open', { config: { rateLimit: { max: 1, skipOnError: true } } }, async () => 'ok')
      },
    )
    const closed = await app.inject('/')
    t.match(closed.json(), { statusCode: 503, code: 'STAY_RATE_UNAVAILABLE', error: 'Service Unavailable' })
    t.equal(closed.headers['retry-after'], '7')
    t.same(await statuses(app, 3, '/open'), [200, 200, 200])
    t.equal((await app.inject('/open')).headers['ratelimit'], undefined)
  },
)

t.test('what a route or a policy says of outages holds over skipOnError of the app', async (t) => {
  const redis = new Redis({ port: await freePort(), lazyConnect: true, retryStrategy: () => null })
  redis.on('error', () => undefined)
  t.teardown(() => {
    redis.disconnect()
  })
  const { app } = await openApp(t, { redis, skipOnError: true }, (app) => {
    app.post('/pay', { config: { rateLimit: { onOutage: 'closed' } } }, async () => 'ok')
  })
  t.same(await statuses(app, 1), [200])
  t.same(await statuses(app, 1, { url: '/pay', method: 'POST' }), [503])
  const policies = [{ name: 'strict', onOutage: 'closed' as const }]
  const strict = await openApp(t, { redis, skipOnError: true, policies })
  t.same(await statuses(strict.app, 1), [503])
})
