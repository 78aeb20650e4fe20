import { eventually, startFaultProxy, startRedisServer, type RedisServer } from '@stayfast/test-kit'
import type { RedisLink } from '@stayfast/redis-kit'
import t, { type Test } from 'tap'
import type { Role } from '../dist/index.js'
import { reaches, rejection, startApp, unhandledRejections } from './support/app.js'

const roles: readonly Role[] = ['default', 'cache', 'queue', 'webhook']

/** Names of all keys of a database. */
async function keysOf(server: RedisServer, db: number): Promise<string[]> {
  await server.command('select', db)
  const keys = await server.command('keys', '*')
  await server.command('select', 0)
  return Array.isArray(keys) ? keys.map(String).sort() : []
}

/** Connections of this app's, by the name that each gives itself. */
async function clientsOf(server: RedisServer): Promise<string[]> {
  const list = String(await server.command('client', 'list', 'type', 'normal'))
  return [...list.matchAll(/ name=(stayfast:\S+)/g)].map(([, name = '']) => name).sort()
}

function write(link: RedisLink): Promise<unknown> {
  return link.run((client) => client.set(`${link.keyPrefix}written-by-${link.name}`, '1'))
}

async function linksOf(app: { redisConnection: { link(role?: Role): RedisLink } }): Promise<RedisLink[]> {
  const links = roles.map((role) => app.redisConnection.link(role))
  await Promise.all(links.map((link) => reaches(link, 'up', 8000)))
  return links
}

t.test('on a server with 16 databases each role has its own, after each reconnect too', async (t) => {
  const unhandled = unhandledRejections(t)
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const { app } = await startApp(t, { url: proxy.url(server.url) })
  const links = await linksOf(app)
  t.strictSame(
    links.map(({ name, keyPrefix }) => [name, keyPrefix]),
    roles.map((role) => [role, '']),
  )
  const breaks: (() => Promise<void>)[] = [
    () => Promise.resolve(),
    () => server.restart(),
    async () => {
      proxy.resetAll()
    },
    async () => {
      await server.command('client', 'kill', 'type', 'normal')
    },
  ]
  for (const interrupt of breaks) {
    await interrupt()
    await eventually(() => Promise.all(links.map(write)), { withinMs: 8000 })
    t.strictSame(await keysOf(server, 0), ['written-by-cache', 'written-by-default'])
    t.strictSame(await keysOf(server, 1), ['written-by-queue'])
    t.strictSame(await keysOf(server, 2), ['written-by-webhook'])
  }
  t.strictSame(unhandled, [])
})

t.test('roles on the same database share one client; a role that nobody asks for opens none', async (t) => {
  const server = await startRedisServer({}, t)
  const { app } = await startApp(t, { url: server.url })
  t.strictSame(await clientsOf(server), ['stayfast:default'], 'one connection by default')
  app.redisConnection.link('cache')
  t.strictSame(await clientsOf(server), ['stayfast:default'], 'cache and default share it')
  await linksOf(app)
  t.strictSame(await clientsOf(server), ['stayfast:default', 'stayfast:queue', 'stayfast:webhook'])
  t.equal(app.redisConnection.link('queue'), app.redisConnection.link('queue'))
  const worker = app.redisConnection.blockingClient('queue')
  await worker.ping()
  t.equal((await clientsOf(server)).length, 4, 'a worker has a connection of its own')
  app.redisConnection.link('cache').subscribe('news', { onMessage: () => undefined })
  await eventually(async () =>
    String(await server.command('client', 'list', 'type', 'pubsub')).includes('stayfast:default'),
  )
  t.pass('and so has a listener')
})

t.test('a blocking client is on the database of its role, and is closed with the app', async (t) => {
  const server = await startRedisServer({}, t)
  const { app } = await startApp(t, { url: server.url })
  const link = app.redisConnection.link('queue')
  t.throws(() => app.redisConnection.blockingClient('queue'), { code: 'STAY_REDIS_NOT_UP' })
  await reaches(link, 'up')
  const worker = app.redisConnection.blockingClient('queue', { drainDelaySeconds: 5 })
  const taken = worker.call('blpop', 'jobs', 10)
  await link.run((client) => client.call('rpush', 'jobs', 'one'))
  t.strictSame(await taken, ['jobs', 'one'])
  await app.close()
  await eventually(() => worker.status === 'end')
  t.pass()
})

for (const [name, options] of [
  ['a server with one database', { databases: 1 }],
  ['a server like Upstash', { upstashLike: true }],
] as const) {
  t.test(
    `on ${name} roles live behind prefixes in database 0, and nothing is written beside them`,
    async (t) => {
      const unhandled = unhandledRejections(t)
      const server = await startRedisServer(options, t)
      const { app, lines } = await startApp(t, { url: server.url })
      const links = await linksOf(app)
      t.strictSame(
        links.map(({ keyPrefix }) => keyPrefix),
        ['', '', 'queue:', 'webhook:'],
      )
      for (const interrupt of [() => Promise.resolve(), () => server.restart()]) {
        await interrupt()
        await eventually(() => Promise.all(links.map(write)), { withinMs: 8000 })
        t.strictSame(await keysOf(server, 0), [
          'queue:written-by-queue',
          'webhook:written-by-webhook',
          'written-by-cache',
          'written-by-default',
        ])
      }
      t.strictSame(
        lines('info')
          .filter((line) => line.includes('one database'))
          .sort(),
        [
          'This server has one database: the queue role lives in it behind the prefix "queue:".',
          'This server has one database: the webhook role lives in it behind the prefix "webhook:".',
        ],
        'told once',
      )
      t.strictSame(unhandled, [])
    },
  )
}

t.test("the app's own prefix stands in front of the roles'", async (t) => {
  const server = await startRedisServer({ databases: 1 }, t)
  const { app } = await startApp(t, { url: server.url, keyPrefix: 'shop:' })
  const links = await linksOf(app)
  t.strictSame(
    links.map(({ keyPrefix }) => keyPrefix),
    ['shop:', 'shop:', 'shop:queue:', 'shop:webhook:'],
  )
})

t.test('a provider that is known to have one database is never asked for another', async (t) => {
  const server = await startRedisServer({ upstashLike: true }, t)
  const { app } = await startApp(t, { url: server.url, provider: 'redis-cloud' })
  const links = await linksOf(app)
  await Promise.all(links.map(write))
  t.strictSame(
    links.map(({ keyPrefix }) => keyPrefix),
    ['', '', 'queue:', 'webhook:'],
  )
  t.strictSame(await clientsOf(server), ['stayfast:default'], 'all roles share one connection')
})

t.test(
  'a database that was asked for and is refused: the link stays down, and nothing lands in database 0',
  async (t) => {
    const unhandled = unhandledRejections(t)
    const server = await startRedisServer({ databases: 1 }, t)
    const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
    const { app, link, lines } = await startApp(t, { url: `${proxy.url(server.url)}/3` })
    await reaches(link, 'down')
    t.match(link.state, { cause: { code: 'STAY_REDIS_CONFIG_ONE_DATABASE' } })
    t.match((await rejection(write(link))).error, { code: 'STAY_REDIS_UNAVAILABLE', outcome: 'not-sent' })
    // app.redis is the bare client: it must not be writable either.
    t.ok((await rejection(app.redis.set('bare', '1'))).error)
    t.match(lines().join('\n'), /refuses database 3.*Leave the database out/)
    const { accepted } = proxy
    await new Promise((resolve) => setTimeout(resolve, 2000))
    t.equal(proxy.accepted, accepted, 'it is not tried again before half a minute is over')
    t.strictSame(await keysOf(server, 0), [])
    t.strictSame(unhandled, [])
  },
)

t.test('a role database that was asked for and is refused takes down that role alone', async (t) => {
  const server = await startRedisServer({ databases: 1 }, t)
  const { app, link } = await startApp(t, { url: server.url, roles: { queue: { db: 5 } } })
  t.equal(link.status, 'up')
  const queue = app.redisConnection.link('queue')
  await reaches(queue, 'down')
  t.match(queue.state, { cause: { code: 'STAY_REDIS_CONFIG_ONE_DATABASE' } })
})

t.test("bootMode 'require' fails at once on a database that is refused", async (t) => {
  const server = await startRedisServer({ databases: 1 }, t)
  const { error, tookMs } = await rejection(startApp(t, { url: `${server.url}/3`, bootMode: 'require' }))
  t.match(error, { code: 'STAY_REDIS_REQUIRED', message: /refuses database 3/ })
  t.ok(tookMs < 2000)
})

t.test('a database in the URL keeps all roles there, apart by prefix', async (t) => {
  const server = await startRedisServer({}, t)
  const { app } = await startApp(t, { url: `${server.url}/7` })
  const links = await linksOf(app)
  await Promise.all(links.map(write))
  t.strictSame(await keysOf(server, 7), [
    'queue:written-by-queue',
    'webhook:written-by-webhook',
    'written-by-cache',
    'written-by-default',
  ])
  t.strictSame(await keysOf(server, 0), [])
})

t.test('a role with a URL lives on a server of its own', async (t) => {
  const [main, queueServer] = await Promise.all([startRedisServer({}, t), startRedisServer({}, t)])
  const { app } = await startApp(t, { env: { REDIS_URL: main.url, REDIS_QUEUE_URL: queueServer.url } })
  const links = await linksOf(app)
  await Promise.all(links.map(write))
  t.strictSame(await keysOf(queueServer, 0), ['written-by-queue'])
  t.strictSame(await keysOf(main, 0), ['written-by-cache', 'written-by-default'])
  await queueServer.kill()
  await reaches(app.redisConnection.link('queue'), 'down')
  t.equal(app.redisConnection.link('cache').status, 'up', 'and does not take the others with it')
})

t.test(
  'channels of a role are called alike in every process, in whatever order its links were made',
  async (t) => {
    const server = await startRedisServer({}, t)
    const options = { url: server.url, roles: { queue: { db: 4 }, webhook: { db: 4 } } }
    const names = async (t: Test, ...order: Role[]): Promise<Record<string, string>> => {
      const { app } = await startApp(t, options)
      for (const role of order) app.redisConnection.link(role)
      return Object.fromEntries(roles.map((role) => [role, app.redisConnection.link(role).channelPrefix]))
    }
    const one = await names(t, 'queue', 'webhook')
    t.strictSame(await names(t, 'webhook', 'queue'), one)
    t.equal(new Set([one['default'], one['queue'], one['webhook']]).size, 3)
  },
)

t.test('an eviction policy that does not fit what lives on a server is warned of, once', async (t) => {
  const server = await startRedisServer(
    { config: { maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' } },
    t,
  )
  const { lines, link } = await startApp(t, { url: server.url })
  await server.command('client', 'kill', 'type', 'normal')
  await reaches(link, 'down').catch(() => undefined)
  await reaches(link, 'up')
  t.equal(lines().filter((line) => /evicts keys.*noeviction/.test(line)).length, 1)
})
