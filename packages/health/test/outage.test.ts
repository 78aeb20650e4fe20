import { eventually, startFaultProxy, startRedisServer, type RedisServer } from '@stayfast/test-kit'
import redisConnection, { type RedisConnectionOptions } from '@stayfast/redis-connection'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { openApp, probe } from './support/open-app.js'

const healthy = /^\{"status":"ok","redis":\{"status":"healthy","latency":"\d+ms","connected":true\}\}$/
const degraded = '{"status":"degraded","redis":{"status":"unhealthy","latency":null,"connected":false}}'
/** The promise, and what a busy machine may add to it. */
const withinMs = 50 + 100

async function connectedApp(t: Test, options: RedisConnectionOptions): Promise<FastifyInstance> {
  const { app } = await openApp(t, { sampleEveryMs: 200 }, (app) =>
    app.register(redisConnection, { env: false, ...options }),
  )
  return app
}

/** Probes all the time, as many balancers do. */
function keepProbing(t: Test, app: FastifyInstance): { readonly slowestMs: number; readonly alive: boolean } {
  const seen = { slowestMs: 0, alive: true }
  const timer = setInterval(() => {
    void (async () => {
      const { tookMs } = await probe(app)
      seen.slowestMs = Math.max(seen.slowestMs, tookMs)
      if ((await probe(app, '/livez')).statusCode !== 200) seen.alive = false
    })()
  }, 20)
  t.teardown(() => {
    clearInterval(timer)
  })
  return seen
}

/** What is told in the very moment in which the link leaves `up`. */
function onLeavingUp(app: FastifyInstance): Promise<Awaited<ReturnType<typeof probe>>> {
  return new Promise((resolve) => {
    const stop = app.redisConnection.link().onChange(({ status }) => {
      if (status === 'up') return
      stop()
      resolve(probe(app))
    })
  })
}

for (const [fault, hurt, heal] of [
  ['killed', (server) => server.kill(), (server) => server.restart()],
  ['frozen', (server) => server.freeze(), (server) => server.thaw()],
] as const satisfies [string, (server: RedisServer) => unknown, (server: RedisServer) => unknown][]) {
  t.test(
    `with Redis ${fault} health is degraded the moment the link leaves up, and quick all the time`,
    async (t) => {
      const server = await startRedisServer({}, t)
      const app = await connectedApp(t, { url: server.url })
      t.match((await probe(app)).body, healthy)
      const probing = keepProbing(t, app)
      const leaving = onLeavingUp(app)
      await hurt(server)
      const told = await leaving
      t.equal(told.body, degraded)
      t.equal(told.statusCode, 200)
      t.ok(told.tookMs < withinMs, `told within ${told.tookMs} ms`)
      await heal(server)
      await eventually(async () => healthy.test((await probe(app)).body), { withinMs: 15_000 })
      t.ok(probing.slowestMs < withinMs, `the slowest probe took ${probing.slowestMs} ms`)
      t.ok(probing.alive, 'liveness never looked at it')
    },
  )
}

t.test('a network that swallows everything is told as an outage too', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy(server, t)
  const app = await connectedApp(t, { url: proxy.url(server.url) })
  t.match((await probe(app)).body, healthy)
  const probing = keepProbing(t, app)
  const leaving = onLeavingUp(app)
  proxy.blackHole({ drop: true })
  t.equal((await leaving).body, degraded)
  await proxy.restore()
  await eventually(async () => healthy.test((await probe(app)).body), { withinMs: 15_000 })
  t.ok(probing.slowestMs < withinMs, `the slowest probe took ${probing.slowestMs} ms`)
})

t.test('a server that is loading its data answers and is not well', async (t) => {
  const server = await startRedisServer({}, t)
  // By itself ioredis does not become ready before the data is loaded, which is an outage like any other.
  const client = new Redis(server.url, { lazyConnect: true, enableReadyCheck: false })
  const { app } = await openApp(t, { redis: client, sampleEveryMs: 100 })
  t.match((await probe(app)).body, healthy)
  await server.startLoading(3000)
  const loading =
    /^\{"status":"degraded","redis":\{"status":"unhealthy","latency":"\d+ms","connected":true\}\}$/
  await eventually(async () => loading.test((await probe(app)).body))
  t.equal(app.healthChecks.snapshot().details.redis[0]?.refusal, 'loading')
  t.equal((await probe(app, '/readyz')).statusCode, 200)
  await server.whenReady()
  await eventually(async () => /"status":"ok","redis":\{"status":"healthy"/.test((await probe(app)).body), {
    withinMs: 15_000,
  })
})

t.test('a server that takes no more clients leaves the app degraded until there is room', async (t) => {
  const server = await startRedisServer({ maxClients: 1 }, t)
  const first = new Redis(server.url, { lazyConnect: true })
  t.teardown(() => {
    first.disconnect()
  })
  await first.connect()
  const app = await connectedApp(t, { url: server.url })
  t.equal((await probe(app)).body, degraded)
  first.disconnect()
  await eventually(async () => healthy.test((await probe(app)).body), { withinMs: 40_000 })
})

t.test('an app that starts without its Redis is degraded, and well when it appears', async (t) => {
  const server = await startRedisServer({}, t)
  await server.kill()
  const app = await connectedApp(t, { url: server.url })
  t.equal((await probe(app)).body, degraded)
  t.equal((await probe(app, '/readyz')).statusCode, 200)
  await server.restart()
  await eventually(async () => healthy.test((await probe(app)).body), { withinMs: 15_000 })
})

t.test('of several servers each is watched, and one that is away leaves the app degraded', async (t) => {
  const [main, cache] = await Promise.all([startRedisServer({}, t), startRedisServer({}, t)])
  const { app } = await openApp(t, { roles: ['default', 'cache'] }, (app) =>
    app.register(redisConnection, { url: main.url, roles: { cache: { url: cache.url } }, env: false }),
  )
  await eventually(async () => healthy.test((await probe(app)).body))
  t.match(app.healthChecks.snapshot().details.redis, [{ role: 'default' }, { role: 'cache' }])
  await cache.kill()
  await eventually(async () => (await probe(app)).body === degraded)
  const { text } = await app.healthChecks.metrics()
  t.match(text, 'redis_up{role="default"} 1')
  t.match(text, 'redis_up{role="cache"} 0')
  await cache.restart()
  await eventually(async () => healthy.test((await probe(app)).body), { withinMs: 15_000 })
})

t.test('while Redis is away it is not asked', async (t) => {
  const server = await startRedisServer({}, t)
  const app = await connectedApp(t, { url: server.url, heartbeatMs: false })
  const link = app.redisConnection.link()
  const leaving = onLeavingUp(app)
  await server.kill()
  await leaving
  const { answered, missed } = link.counters
  for (let time = 0; time < 20; time += 1) await app.healthChecks.refresh()
  t.match(link.counters, { answered, missed })
})

t.test('INFO that is denied costs one question, and health goes on without it', async (t) => {
  const server = await startRedisServer({}, t)
  await server.command('acl', 'setuser', 'small', 'on', '>pw', '~*', '&*', '+@all', '-info')
  const url = server.url.replace('redis://', 'redis://small:pw@')
  const { app } = await openApp(t, { sampleEveryMs: 60_000, detailsFor: () => true }, (app) =>
    app.register(redisConnection, { url, env: false, heartbeatMs: false }),
  )
  t.match((await probe(app)).body, /"healthy","latency":"\d+ms","connected":true/)
  const commands = await server.countCommands(async () => {
    for (let time = 0; time < 5; time += 1) await app.healthChecks.refresh()
  })
  t.strictSame(commands, { ping: 5 })
  t.match(app.healthChecks.snapshot().details.redis, [{ link: 'up', servers: [] }])
  t.match((await app.healthChecks.metrics()).text, 'redis_up{role="default"} 1')
})

t.test('PING that is denied is an answer', async (t) => {
  const server = await startRedisServer({}, t)
  await server.command('acl', 'setuser', 'small', 'on', '>pw', '~*', '&*', '+@all', '-ping')
  const url = server.url.replace('redis://', 'redis://small:pw@')
  const app = await connectedApp(t, { url })
  t.match((await probe(app)).body, healthy)
})

t.test(
  'on a provider that bills by the command an hour costs 12 commands beside the heartbeat',
  async (t) => {
    const server = await startRedisServer({ upstashLike: true, password: 'right' }, t)
    const { app } = await openApp(t, {}, (app) =>
      app.register(redisConnection, { url: server.url, env: false, provider: 'upstash', tls: false }),
    )
    t.match((await probe(app)).body, healthy)
    t.match(app.healthChecks.snapshot().details.usage, { estimate: true }, 'what is billed is counted')
    const sampling = await server.countCommands(() => app.healthChecks.refresh())
    t.strictSame(sampling, { info: 1 }, 'one each five minutes')
    const idle = await server.countCommands(() => new Promise((resolve) => setTimeout(resolve, 6000)))
    t.strictSame(idle, {}, 'where others are sampled each five seconds')
  },
)
