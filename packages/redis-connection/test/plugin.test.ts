import fastifyRedis from '@fastify/redis'
import { eventually, freePort, startFaultProxy, startRedisServer, startStopwatch } from '@stayfast/test-kit'
import Fastify from 'fastify'
import fp from 'fastify-plugin'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis5'
import { Redis as Valkey } from 'iovalkey'
import t from 'tap'
import redisConnection, { type RedisConnection } from '../dist/index.js'
import { listen, reaches, rejection, startApp } from './support/app.js'

t.test('without any configuration the app starts, works in memory and says so', async (t) => {
  const { app, lines } = await startApp(t, {})
  t.equal(app.redisConnection.status, 'off')
  t.equal(app.redisConnection.client, undefined)
  t.notOk(app.hasDecorator('redis'), 'app.redis is not there')
  t.strictSame(app.redisConnection.provider, { id: 'none', name: 'none' })
  t.strictSame(await app.redisConnection.check(), { status: 'disabled', connected: false, latencyMs: null })
  t.match((await rejection(app.redisConnection.link('cache').run((client) => client.ping()))).error, {
    code: 'STAY_REDIS_UNAVAILABLE',
    outcome: 'not-sent',
    status: 'off',
  })
  t.throws(() => app.redisConnection.blockingClient('queue'), { code: 'STAY_REDIS_NOT_CONFIGURED' })
  t.strictSame(lines('info'), ['redis-connection: none configured; set REDIS_URL to share and keep data'])
  t.strictSame(lines('warn'), [])
})

t.test('in production, the lack of a Redis is a warning', async (t) => {
  const before = process.env['NODE_ENV']
  process.env['NODE_ENV'] = 'production'
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = before
  })
  const { lines } = await startApp(t, {})
  t.match(lines('warn'), [/none configured; set REDIS_URL/])
})

t.test('with a Redis the app starts up, has its ioredis client as app.redis, and says so', async (t) => {
  const server = await startRedisServer({}, t)
  const { app, link, lines } = await startApp(t, { url: server.url })
  t.equal(app.redisConnection.status, 'up')
  t.ok(app.redis instanceof Redis)
  t.equal(app.redisConnection.client, app.redis)
  t.equal(await app.redis.set('greeting', 'hello'), 'OK')
  t.equal(await link.run((client) => client.get('greeting')), 'hello')
  t.strictSame(app.redisConnection.provider, { id: 'local', name: 'local' })
  t.match(app.redisConnection.facts, { engine: /^(redis|valkey)$/, mode: 'standalone', loading: false })
  t.strictSame(lines('info'), ['redis-connection: redis (local)'])
})

t.test('REDIS_URL of the environment is enough', async (t) => {
  const server = await startRedisServer({}, t)
  const { app } = await startApp(t, { env: { REDIS_URL: server.url, REDIS_HOST: '', REDIS_PASSWORD: '' } })
  t.equal(app.redisConnection.status, 'up')
})

t.test('a role that does not exist is refused by name', async (t) => {
  const { app } = await startApp(t, {})
  const misspelt: string = 'caches'
  t.throws(() => app.redisConnection.link(misspelt as 'cache'), {
    code: 'STAY_REDIS_CONFIG_OUT_OF_RANGE',
    message: /Did you mean "cache"/,
  })
})

t.test('plugins that depend on @fastify/redis are satisfied, with Redis up and down', async (t) => {
  const server = await startRedisServer({}, t)
  for (const url of [server.url, `redis://127.0.0.1:${await freePort()}`]) {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(redisConnection, { env: false, url })
    let seen: unknown
    await app.register(
      fp(
        async (instance) => {
          seen = instance.redis
        },
        {
          name: 'dependent',
          dependencies: ['@fastify/redis', '@stayfast/redis-connection'],
          decorators: { fastify: ['redis', 'redisConnection'] },
        },
      ),
    )
    await app.ready()
    t.equal(seen, app.redisConnection.client)
  }
})

t.test(
  '@fastify/redis is handed a client that says ready for it alone, and the truth afterwards',
  async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    const statuses: string[] = []
    await app.register(redisConnection, { env: false, url: `redis://127.0.0.1:${await freePort()}` })
    statuses.push(app.redis.status)
    await app.ready()
    statuses.push(app.redis.status)
    t.notOk(statuses.includes('ready'), statuses.join())
    t.equal(app.redis.listenerCount('end'), 1, '@fastify/redis did not take the way that waits')
    t.match((await rejection(app.redis.get('x'))).error, /Stream isn't writeable/, 'nothing is queued')
  },
)

t.test('a start with Redis down takes at most half a second longer than one without Redis', async (t) => {
  const deafPort = await listen(t, () => undefined)
  const timed = async (url?: string): Promise<number> => {
    const elapsedMs = startStopwatch()
    await startApp(t, url === undefined ? {} : { url })
    return elapsedMs()
  }
  await timed()
  const bareMs = await timed()
  const refusedMs = await timed(`redis://127.0.0.1:${await freePort()}`)
  const silentMs = await timed(`redis://127.0.0.1:${deafPort}`)
  t.ok(refusedMs - bareMs < 500, `refused: ${Math.round(refusedMs - bareMs)} ms more`)
  t.ok(
    silentMs - bareMs < 500 + 200,
    `silent: ${Math.round(silentMs - bareMs)} ms more, 400 of them by design`,
  )
})

t.test('a second connection under another name leaves app.redis to the first', async (t) => {
  const [one, two] = await Promise.all([startRedisServer({}, t), startRedisServer({}, t)])
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(redisConnection, { env: false, url: one.url })
  await app.register(redisConnection, { env: false, url: two.url, decorateAs: 'sessionRedis' })
  await app.ready()
  const second = app.getDecorator<RedisConnection>('sessionRedis')
  t.equal(second.status, 'up')
  t.not(second.client, app.redis)
  await second.link().run((client) => client.set('where', 'two'))
  t.equal(await two.command('get', 'where'), 'two')
  t.equal(await one.command('get', 'where'), null)
})

t.test('a renamed connection that is the only one is app.redis too', async (t) => {
  const server = await startRedisServer({}, t)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(redisConnection, { env: false, url: server.url, decorateAs: 'mainRedis' })
  await app.ready()
  t.ok(app.hasDecorator('mainRedis'))
  t.notOk(app.hasDecorator('redisConnection'))
  t.ok(app.redis instanceof Redis)
})

t.test('an app that has an app.redis is told to pass it, and nothing is opened', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(fastifyRedis, { url: server.url, closeClient: true })
  const { error } = await rejection(
    Promise.resolve(app.register(redisConnection, { env: false, url: proxy.url(server.url) })),
  )
  t.match(error, { code: 'STAY_REDIS_CONFIG_CONFLICT', message: /client: app\.redis/ })
  t.equal(proxy.accepted, 0)
})

t.test("{ client: app.redis } adopts, and never closes or reconfigures the app's client", async (t) => {
  const server = await startRedisServer({}, t)
  const clients = {
    'ioredis 6': new Redis(server.url),
    'ioredis 5': new Redis5(server.url),
    iovalkey: new Valkey(server.url),
  }
  for (const [name, client] of Object.entries(clients)) {
    t.teardown(() => {
      client.disconnect()
    })
    const app = Fastify()
    await app.register(redisConnection, { env: false, client })
    await app.ready()
    t.notOk(app.hasPlugin('@fastify/redis'), `${name}: @fastify/redis is not registered`)
    t.equal(app.redisConnection.client, client, name)
    const link = app.redisConnection.link('queue')
    await reaches(link, 'up')
    t.equal(link.keyPrefix, 'queue:', "all roles live in the client's database, apart by prefix")
    await link.run((own) => own.set(`${link.keyPrefix}who`, name))
    t.equal(await server.command('get', 'queue:who'), name)
    await app.close()
    t.equal(await client.ping(), 'PONG', `${name}: the app goes on using it`)
  }
})

t.test('adopting what @fastify/redis registered keeps one app.redis', async (t) => {
  const server = await startRedisServer({}, t)
  const app = Fastify()
  await app.register(fastifyRedis, { url: server.url, closeClient: true })
  const { redis } = app
  await app.register(redisConnection, { env: false, client: redis })
  await app.ready()
  t.equal(app.redis, redis)
  t.equal(app.redisConnection.status, 'up')
  await app.close()
  await eventually(() => redis.status === 'end')
  t.pass('@fastify/redis has closed its own client')
})

t.test("bootMode 'require' starts with Redis and refuses to start without", async (t) => {
  const server = await startRedisServer({}, t)
  const { app } = await startApp(t, { url: server.url, bootMode: 'require' })
  t.equal(app.redisConnection.status, 'up')

  const failing = Fastify({ pluginTimeout: 1500 })
  t.teardown(() => failing.close())
  const { error, tookMs } = await rejection(
    Promise.resolve(
      failing.register(redisConnection, {
        env: false,
        url: `redis://user:s3cr3t-p4ss@127.0.0.1:${await freePort()}`,
        bootMode: 'require',
      }),
    ),
  )
  t.match(error, {
    code: 'STAY_REDIS_REQUIRED',
    message: /Nothing listens at this address\. Start Redis/,
    remedy: /bootMode: 'serve'/,
  })
  t.notMatch(JSON.stringify(error) + String(error), /s3cr3t|redis:\/\//)
  t.ok(tookMs < 1500, "before Fastify's own time is up")
})

t.test("bootMode 'require' fails at once when only someone can mend it", async (t) => {
  const server = await startRedisServer({ password: 'right' }, t)
  const app = Fastify()
  t.teardown(() => app.close())
  const url = server.url.replace('right', 'wr0ng-s3cr3t')
  const { error, tookMs } = await rejection(
    Promise.resolve(app.register(redisConnection, { env: false, url, bootMode: 'require' })),
  )
  t.match(error, { code: 'STAY_REDIS_REQUIRED', message: /refused the user or the password/ })
  const seen = JSON.stringify(error) + String(error) + (error instanceof Error ? String(error.cause) : '')
  t.notMatch(seen, /wr0ng/)
  t.ok(tookMs < 1500, `took ${Math.round(tookMs)} ms`)
})

t.test("bootMode 'require' without any Redis configured is a configuration error", async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  const { error } = await rejection(
    Promise.resolve(app.register(redisConnection, { env: false, bootMode: 'require' })),
  )
  t.match(error, { code: 'STAY_REDIS_CONFIG_NOT_CONFIGURED' })
})
