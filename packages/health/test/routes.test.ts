import { openLink } from '@stayfast/link-test-kit'
import { startRedisServer } from '@stayfast/test-kit'
import fastifyRedis from '@fastify/redis'
import redisConnection from '@stayfast/redis-connection'
import { Redis } from 'ioredis'
import t from 'tap'
import health from '../dist/index.js'
import { createApp, openApp, probe } from './support/open-app.js'

const server = await startRedisServer({}, t)

t.test('a healthy app answers exactly this, and nothing else', async (t) => {
  const { app } = await openApp(t, {}, (app) =>
    app.register(redisConnection, { env: { REDIS_URL: server.url } }),
  )
  const { statusCode, body, type } = await probe(app)
  t.equal(statusCode, 200)
  t.match(body, /^\{"status":"ok","redis":\{"status":"healthy","latency":"\d+ms","connected":true\}\}$/)
  t.match(type, /^application\/json/)
  const response = await app.inject('/api/v1/health')
  t.equal(response.headers['cache-control'], 'no-store')
  t.match(await app.inject({ method: 'HEAD', url: '/api/v1/health' }), { statusCode: 200, body: '' })
})

t.test('without Redis the app is ok and says that none is configured', async (t) => {
  const { app, lines } = await openApp(t)
  const { statusCode, body } = await probe(app)
  t.equal(statusCode, 200)
  t.equal(body, '{"status":"ok","redis":{"status":"disabled","latency":null,"connected":false}}')
  t.ok(lines.some(({ msg }) => msg === 'health: no redis to watch'))
})

t.test('with Redis down the app is degraded, with 200, or 503 by option', async (t) => {
  const gone = await startRedisServer({}, t)
  await gone.kill()
  for (const [degradedStatusCode, expected] of [
    [undefined, 200],
    [503, 503],
  ] as const) {
    const { app } = await openApp(
      t,
      { ...(degradedStatusCode === undefined ? {} : { degradedStatusCode }) },
      (app) => app.register(redisConnection, { env: { REDIS_URL: gone.url } }),
    )
    const { statusCode, body } = await probe(app)
    t.equal(statusCode, expected)
    t.equal(body, '{"status":"degraded","redis":{"status":"unhealthy","latency":null,"connected":false}}')
    t.equal((await probe(app, '/livez')).statusCode, 200, 'liveness does not look at Redis')
    t.equal((await probe(app, '/readyz')).statusCode, 200, 'nor does readiness, by default')
  }
})

t.test('readiness waits for Redis only where nothing works without it', async (t) => {
  const gone = await startRedisServer({}, t)
  await gone.kill()
  const { app } = await openApp(t, {
    redis: new Redis(gone.url, { lazyConnect: true }),
    readyNeedsRedis: true,
  })
  const { statusCode, body } = await probe(app, '/readyz')
  t.equal(statusCode, 503)
  t.equal(body, '{"status":"waiting-for-redis"}')
})

t.test('10,000 probes cost Redis nothing', async (t) => {
  const link = await openLink(t, server.url, { heartbeatMs: false })
  const { app } = await openApp(t, { redis: link, sampleEveryMs: 60_000 })
  const commands = await server.countCommands(async () => {
    for (let round = 0; round < 100; round += 1) {
      await Promise.all(
        Array.from({ length: 100 }, async (_, index) => {
          const url = ['/api/v1/health', '/livez', '/readyz'][index % 3]
          const { statusCode } = await app.inject(url ?? '/livez')
          if (statusCode !== 200) t.fail(`${url} answered ${statusCode}`)
        }),
      )
    }
  })
  t.strictSame(commands, {})
})

t.test('a sample costs a PING and an INFO, and one INFO where commands are billed', async (t) => {
  for (const [billedByCommand, cost] of [
    [false, { info: 1, ping: 1 }],
    [true, { info: 1 }],
  ] as const) {
    const link = await openLink(t, server.url, { heartbeatMs: false, traits: { billedByCommand } })
    const { app } = await openApp(t, { redis: link, sampleEveryMs: 60_000 })
    const commands = await server.countCommands(() => app.healthChecks.refresh())
    t.strictSame(commands, cost)
  }
})

t.test('each route can be moved or turned off', async (t) => {
  const moved = await openApp(t, { healthRoute: '/h', livenessRoute: '/l', readinessRoute: '/r' })
  for (const url of ['/h', '/l', '/r']) t.equal((await probe(moved.app, url)).statusCode, 200, url)
  t.equal((await probe(moved.app, '/livez')).statusCode, 404)
  const off = await openApp(t, { healthRoute: false, livenessRoute: false, readinessRoute: false })
  for (const url of ['/api/v1/health', '/livez', '/readyz', '/metrics']) {
    t.equal((await probe(off.app, url)).statusCode, 404, url)
  }
})

t.test('whoever accepts application/health+json gets it', async (t) => {
  const { app } = await openApp(t, { redis: await openLink(t, server.url) })
  const asked = await probe(app, '/api/v1/health', {
    accept: 'application/health+json, application/json;q=0.5',
  })
  t.match(asked.type, /^application\/health\+json/)
  t.match(
    asked.body,
    /^\{"status":"pass","checks":\{"redis:responseTime":\[\{"componentType":"datastore","status":"pass","observedValue":\d+,"observedUnit":"ms"\}\]\}\}$/,
  )
  for (const accept of ['*/*', 'application/json', 'application/health+json;q=0, */*', 'text/html']) {
    t.match((await probe(app, '/api/v1/health', { accept })).type, /^application\/json/, accept)
  }
  const preferred = 'application/json, application/health+json;q=0.9'
  t.match((await probe(app, '/api/v1/health', { accept: preferred })).type, /^application\/json/)
})

t.test('details are for those whom detailsFor lets in, and hold no host, port or secret', async (t) => {
  const locked = await startRedisServer({ password: 'very-secret' }, t)
  const { app } = await openApp(
    t,
    { detailsFor: async ({ headers }) => Promise.resolve(headers['x-admin'] === 'yes') },
    (app) => app.register(redisConnection, { env: { REDIS_URL: locked.url } }),
  )
  t.match((await probe(app)).body, /"connected":true\}\}$/)
  const { body } = await probe(app, undefined, { 'x-admin': 'yes' })
  t.match(JSON.parse(body), {
    status: 'ok',
    details: {
      phase: 'ready',
      redis: [{ role: 'default', link: 'up', latencyMs: Number, servers: [{ usedMemoryBytes: Number }] }],
      eventLoop: { p99Ms: Number },
      alarms: [],
      checks: [],
    },
  })
  for (const secret of ['very-secret', '127.0.0.1', String(locked.port)]) t.notMatch(body, secret)
  const written = await probe(app, undefined, { 'x-admin': 'yes', accept: 'application/health+json' })
  t.match(JSON.parse(written.body), {
    status: 'pass',
    checks: { 'eventLoop:delay': [{ observedUnit: 'ms' }] },
  })
})

t.test('a detailsFor that fails shows the public answer', async (t) => {
  const { app, lines } = await openApp(t, { detailsFor: () => Promise.reject(new Error('no session store')) })
  t.match((await probe(app)).body, /"connected":false\}\}$/)
  t.ok(lines.some(({ msg }) => /detailsFor failed/.test(msg)))
})

t.test(
  'Redis is found by @fastify/redis too, registered before or after, and its client is left alone',
  async (t) => {
    const { app } = createApp(t)
    app.register(health)
    app.register(fastifyRedis, { url: server.url })
    await app.ready()
    t.match((await probe(app)).body, /"status":"healthy"/)
    t.equal(await app.redis.ping(), 'PONG')
  },
)

t.test('readiness is 503 while starting: until readyAfter has resolved', async (t) => {
  let warm: () => void = () => undefined
  const warming = new Promise<void>((resolve) => (warm = resolve))
  const { app } = await openApp(t, { readyAfter: () => warming })
  t.equal((await probe(app, '/readyz')).body, '{"status":"starting"}')
  t.equal((await probe(app, '/readyz')).statusCode, 503)
  t.equal((await probe(app, '/livez')).statusCode, 200)
  warm()
  await warming
  await new Promise((resolve) => setImmediate(resolve))
  t.equal((await probe(app, '/readyz')).body, '{"status":"ready"}')
  const failed = await openApp(t, { readyAfter: () => Promise.reject(new Error('no cache')) })
  t.equal((await probe(failed.app, '/readyz')).statusCode, 503)
  t.ok(failed.lines.some(({ level, msg }) => level === 50 && /readyAfter failed/.test(msg)))
})
