import fastifyRedis from '@fastify/redis'
import { openLink } from '@stayfast/link-test-kit'
import { healthReporterOf } from '@stayfast/redis-kit'
import { eventually, startRedisServer } from '@stayfast/test-kit'
import Fastify, { type FastifyInstance } from 'fastify'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Redis } from 'ioredis'
import t from 'tap'
import taggedCache, { cacheChannel, type TaggedCache } from '../dist/index.js'
import { createApp } from './create-app.js'

declare module 'fastify' {
  interface FastifyInstance {
    reports: TaggedCache
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

async function boot(app: FastifyInstance): Promise<void> {
  await app.ready()
}

t.test('it reports its link and its numbers to whoever asks, without a command', async (t) => {
  const link = await openLink(t, server.url)
  const { app } = createApp(t)
  app.register(taggedCache, { redis: link })
  await app.ready()
  const report = healthReporterOf(app.taggedCache)
  // Until it has heard of the others, each read is checked or loaded.
  await eventually(async () => {
    await app.taggedCache.getOrSet('a', () => 1, { tags: ['x'] })
    return (report?.().counts?.['hits_total'] ?? 0) > 0
  })
  t.equal(report?.().link, link)
  t.match(report?.(), {
    plugin: 'tagged-cache',
    holds: 'cache',
    counts: { hits_total: 1, misses_total: Number, stale_total: 0, entries: 1, pending_invalidations: 0 },
  })
})

t.test('Redis is found wherever it is registered, before or after', async (t) => {
  await t.test('by @fastify/redis registered later', async (t) => {
    const { app, lines } = createApp(t)
    app.register(taggedCache)
    app.register(fastifyRedis, { url: server.url })
    await app.ready()
    t.strictSame(await app.taggedCache.set('a', 1), { durability: 'redis' })
    t.equal(await redis.exists('cache:a'), 1)
    t.ok(lines.some(({ level, msg }) => level === 30 && msg === 'tagged-cache: redis (unknown)'))
  })

  await t.test('by a namespace of it', async (t) => {
    const { app } = createApp(t)
    app.register(fastifyRedis, { url: server.url, namespace: 'main' })
    app.register(taggedCache, { redis: 'main' })
    await app.ready()
    t.match(await app.taggedCache.set('b', 1), { durability: 'redis' })
  })

  await t.test('by app.redisConnection, which goes before it, in the role of a cache', async (t) => {
    const link = await openLink(t, server.url, {
      traits: { provider: 'local' },
      keyPrefix: () => 'connection:',
    })
    const roles: string[] = []
    const { app, lines } = createApp(t)
    app.register(taggedCache)
    app.register(fastifyRedis, { url: server.url })
    app.decorate('redisConnection', {
      status: 'up',
      link: (role: string) => {
        roles.push(role)
        return link
      },
    })
    await app.ready()
    await app.taggedCache.set('c', 1, { tags: ['x'] })
    t.equal(await redis.exists('connection:cache:c'), 1)
    t.equal(await redis.exists('connection:tag:x'), 1)
    t.strictSame(roles, ['cache'])
    t.ok(lines.some(({ msg }) => msg === 'tagged-cache: redis (local)'))
    await app.close()
    t.equal(link.status, 'up', 'the link belongs to whoever made it')
  })

  await t.test('a client of the app is not closed with the cache', async (t) => {
    const { app } = createApp(t)
    app.register(taggedCache, { redis })
    await app.ready()
    await app.taggedCache.set('d', 1)
    await app.close()
    t.equal(await redis.exists('cache:d'), 1)
  })
})

t.test('without Redis it works in memory and says so; in production that is a warning', async (t) => {
  const before = process.env['NODE_ENV']
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = before
  })
  for (const [environment, level] of [
    ['test', 30],
    ['production', 40],
  ] as const) {
    process.env['NODE_ENV'] = environment
    const { app, lines } = createApp(t)
    app.register(taggedCache)
    await app.ready()
    t.strictSame(await app.taggedCache.set('a', 1), { durability: 'buffered' })
    t.equal(await app.taggedCache.get('a'), 1)
    t.ok(
      lines.some(
        (line) =>
          line.level === level && line.msg === 'tagged-cache: memory; set REDIS_URL to share and keep it',
      ),
    )
  }
})

t.test('two caches in one app do not see each other', async (t) => {
  const { app } = createApp(t)
  app.register(taggedCache, { redis })
  app.register(taggedCache, { redis, decorateAs: 'reports', keyPrefix: 'reports:' })
  app.register(async (app) => {
    app.get('/', { config: { cache: {} } }, async () => ({ n: 1 }))
  })
  await app.ready()
  await app.taggedCache.set('a', 'of all', { tags: ['x'] })
  await app.reports.set('a', 'of reports', { tags: ['x'] })
  await app.reports.invalidateTags(['x'])
  t.equal(await app.taggedCache.get('a'), 'of all')
  t.equal(await app.reports.get('a'), undefined)
  await app.inject('/')
  t.equal((await app.inject('/')).headers['x-cache'], 'HIT')
  t.equal((await app.taggedCache.stats()).hits, 2, 'routes belong to the first')
})

t.test('before the app is ready each method says what to do', async (t) => {
  const { app } = createApp(t)
  await app.register(taggedCache)
  const notReady = { code: 'STAY_CACHE_NOT_READY', message: /await app\.ready\(\)/ }
  const { taggedCache: cache } = app
  await t.rejects(
    cache.getOrSet('a', () => 1),
    notReady,
  )
  await t.rejects(cache.get('a'), notReady)
  await t.rejects(cache.getMany(['a']), notReady)
  await t.rejects(cache.set('a', 1), notReady)
  await t.rejects(cache.delete('a'), notReady)
  await t.rejects(cache.invalidateTags(['a']), notReady)
  await t.rejects(cache.clear(), notReady)
  await t.rejects(cache.stats(), notReady)
})

t.test('an option that does not exist, or cannot have its value, ends the registration', async (t) => {
  for (const [options, message] of [
    [{ ttlSecond: 1 }, 'Did you mean "ttlSeconds"?'],
    [{ jitter: 2 }, 'The option jitter of tagged-cache takes a number from 0 to 1.'],
    [{ onOutage: 'hope' }, "takes 'buffer' or 'reject'"],
    [{ lockTtlMs: 1 }, 'lockTtlMs'],
    [{ cacheControl: true }, 'cacheControl'],
  ] as const) {
    const { app } = createApp(t)
    app.register(taggedCache, Object.fromEntries(Object.entries(options)))
    await t.rejects(boot(app), { code: 'STAY_CACHE_OPTION_INVALID', message: new RegExp(escaped(message)) })
  }
})

function escaped(text: string): string {
  return text.replace(/[.?"()[\]]/g, '\\$&')
}

t.test('REDIS_TTL_SECONDS is the time to live where no option says otherwise', async (t) => {
  const before = process.env['REDIS_TTL_SECONDS']
  t.teardown(() => {
    if (before === undefined) delete process.env['REDIS_TTL_SECONDS']
    else process.env['REDIS_TTL_SECONDS'] = before
  })
  const ttlOf = async (options: object): Promise<number> => {
    const { app } = createApp(t)
    app.register(taggedCache, { redis, jitter: 0, ...options })
    await app.ready()
    await app.taggedCache.set('a', 1)
    const ttl = await redis.ttl('cache:a')
    await app.close()
    return ttl
  }
  process.env['REDIS_TTL_SECONDS'] = '500'
  t.ok(Math.abs((await ttlOf({})) - 500) <= 2)
  t.ok(Math.abs((await ttlOf({ ttlSeconds: 100 })) - 100) <= 2)
  process.env['REDIS_TTL_SECONDS'] = ''
  t.ok(Math.abs((await ttlOf({})) - 86_400) <= 2)
  process.env['REDIS_TTL_SECONDS'] = 'soon'
  const { app } = createApp(t)
  app.register(taggedCache)
  await t.rejects(boot(app), { code: 'STAY_CACHE_OPTION_INVALID', message: /REDIS_TTL_SECONDS/ })
})

t.test('at level debug hits, misses, sets and invalidations are told, and no value ever', async (t) => {
  const { app, lines, log } = createApp(t)
  app.register(taggedCache, { redis })
  await app.ready()
  await app.taggedCache.getOrSet('k', () => 'shpat_secret', { tags: ['x'] })
  await eventually(async () => (await app.taggedCache.get('k')) !== undefined)
  await app.taggedCache.invalidateTags(['x'])
  await t.rejects(app.taggedCache.getOrSet('k', () => Promise.reject(new Error('shpat_secret'))))
  for (const kind of ['miss', 'load', 'set', 'hit', 'invalidate', 'load-failed']) {
    t.ok(
      lines.some(({ level, msg }) => level === 20 && msg === `tagged-cache: ${kind}`),
      kind,
    )
  }
  t.notMatch(log(), 'shpat_secret')
})

t.test('whoever wants to know subscribes to the channel', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(taggedCache, { redis: false })
  await app.ready()
  const events: unknown[] = []
  const listener = (event: unknown): void => {
    events.push(event)
  }
  subscribe(cacheChannel.name, listener)
  await app.taggedCache.set('k', 1)
  await app.taggedCache.get('k')
  unsubscribe(cacheChannel.name, listener)
  await app.taggedCache.get('k')
  t.strictSame(events, [
    { kind: 'set', key: 'k', bytes: 1 },
    { kind: 'hit', key: 'k', level: 'local', stale: false },
  ])
})

t.test('an app that ends while Redis is away says what is lost', async (t) => {
  const away = await startRedisServer({}, t)
  const link = await openLink(t, away.url)
  const { app, lines } = createApp(t)
  app.register(taggedCache, { redis: link })
  await app.ready()
  await away.kill()
  await app.taggedCache.invalidateTags(['x', 'y'])
  await app.close()
  t.ok(
    lines.some(({ level, msg }) => level === 50 && msg.startsWith('tagged-cache: 2 invalidations are lost')),
  )
})
