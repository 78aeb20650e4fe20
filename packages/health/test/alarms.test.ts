import { openLink } from '@stayfast/link-test-kit'
import { eventually, startFaultProxy, startRedisServer } from '@stayfast/test-kit'
import redisConnection from '@stayfast/redis-connection'
import tenantInstanceStore from '@stayfast/tenant-instance-store'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { mkdir, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { defaultThresholds } from '../dist/alarms/thresholds.js'
import type { Alarm, HealthOptions, Thresholds } from '../dist/index.js'
import { openApp } from './support/open-app.js'

/** So that nothing but the test samples. */
const never = { sampleEveryMs: 3_600_000, sampleBilledEveryMs: 3_600_000 } as const satisfies HealthOptions

/** So that a busy machine raises no other alarm. */
function only(thresholds: Thresholds): HealthOptions {
  const off = Object.fromEntries(Object.keys(defaultThresholds).map((name) => [name, false]))
  return { ...never, thresholds: { ...off, ...thresholds } }
}

async function sample(app: FastifyInstance, times: number): Promise<readonly Alarm[]> {
  for (let time = 0; time < times; time += 1) await app.healthChecks.refresh()
  return app.healthChecks.snapshot().details.alarms
}

function names(alarms: readonly Alarm[]): string[] {
  return alarms.map(({ alarm }) => alarm)
}

async function clientOf(t: Test, url: string): Promise<Redis> {
  const client = new Redis(url, { lazyConnect: true })
  t.teardown(() => {
    client.disconnect()
  })
  await client.connect()
  return client
}

t.test(
  'a server whose memory fills up raises an alarm, and clears it when there is room again',
  async (t) => {
    const server = await startRedisServer({ maxMemoryBytes: 40_000_000 }, t)
    const { app, lines } = await openApp(t, {
      ...only({ memoryRatio: 0.8 }),
      redis: await openLink(t, server.url),
    })
    t.strictSame(names(await sample(app, 4)), [])
    const ballast = Array.from({ length: 34 }, (_, index) => `ballast:${index}`)
    for (const key of ballast) await server.command('set', key, 'x'.repeat(1_000_000))
    t.strictSame(names(await sample(app, 3)), ['memory'])
    t.ok(
      lines.some(
        ({ level, msg }) => level === 40 && /memory \(default\) \d+ % of maxmemory\. When/.test(msg),
      ),
    )
    t.match(app.healthChecks.snapshot(), { status: 'ok' }, 'an alarm is for the operator: everything works')
    await server.command('del', ...ballast)
    t.strictSame(names(await sample(app, 4)), [])
    t.equal(lines.filter(({ msg }) => msg.includes('memory (default)')).length, 2)
  },
)

t.test('clients near maxclients raise an alarm', async (t) => {
  const server = await startRedisServer({ maxClients: 10 }, t)
  const { app } = await openApp(t, { ...only({ clientsRatio: 0.8 }), redis: await openLink(t, server.url) })
  for (let more = 0; more < 8; more += 1) await clientOf(t, server.url)
  t.strictSame(names(await sample(app, 3)), ['clients'])
})

t.test('evictions are told by what they were between two samples', async (t) => {
  const server = await startRedisServer(
    { config: { maxmemory: '3mb', 'maxmemory-policy': 'allkeys-lru' } },
    t,
  )
  const { app } = await openApp(t, {
    ...only({ evictionsPerSecond: 10 }),
    redis: await openLink(t, server.url, { name: 'cache' }),
  })
  const flood = `for i = 1, 3000 do redis.call('set', ARGV[1] .. i, string.rep('x', 1000)) end`
  for (let round = 0; round < 4; round += 1) {
    await server.command('eval', flood, 0, `round:${round}:`)
    await app.healthChecks.refresh()
  }
  t.strictSame(names(app.healthChecks.snapshot().details.alarms), ['evictions'])
  // With room again: a full server evicts a key for each answer that it has to buffer.
  await server.command('flushall')
  t.strictSame(names(await sample(app, 4)), [], 'that they happened once is no alarm for ever')
})

t.test('a hit ratio that falls raises an alarm', async (t) => {
  const server = await startRedisServer({}, t)
  const client = await clientOf(t, server.url)
  const { app } = await openApp(t, { ...only({ hitRatio: 0.5 }), redis: await openLink(t, server.url) })
  for (let round = 0; round < 4; round += 1) {
    await Promise.all(Array.from({ length: 150 }, (_, index) => client.get(`missing:${index}`)))
    await app.healthChecks.refresh()
  }
  t.strictSame(names(app.healthChecks.snapshot().details.alarms), ['hit-ratio'])
})

t.test('what must not be lost on a server that evicts raises an alarm, a cache alone does not', async (t) => {
  const evicting = { config: { maxmemory: '100mb', 'maxmemory-policy': 'allkeys-lru' } }
  const server = await startRedisServer(evicting, t)
  const redis = { env: { REDIS_URL: server.url } }
  const mixed = await openApp(t, only({}), (app) => {
    app.register(redisConnection, redis)
    app.register(tenantInstanceStore)
  })
  t.strictSame(names(await sample(mixed.app, 3)), ['eviction-policy'])
  const cache = await openApp(t, { ...only({}), roles: ['cache'] }, (app) =>
    app.register(redisConnection, redis),
  )
  t.strictSame(names(await sample(cache.app, 3)), [])
  await server.command('config', 'set', 'maxmemory-policy', 'noeviction')
  t.strictSame(
    names(await sample(cache.app, 3)),
    ['eviction-policy'],
    'a cache that refuses writes when full',
  )
  t.strictSame(names(await sample(mixed.app, 3)), [])
  await server.command('config', 'set', 'maxmemory', '0')
  t.strictSame(names(await sample(cache.app, 3)), [], 'without a limit no policy is ever asked')
})

t.test('a link far away is measured by its own baseline', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy(server, t)
  proxy.latency(60)
  const { app } = await openApp(t, {
    ...only({ latencyMs: 'baseline' }),
    redis: await openLink(t, proxy.url(server.url)),
  })
  t.strictSame(names(await sample(app, 9)), [], '60 ms are usual there')
  proxy.latency(200)
  t.strictSame(names(await sample(app, 9)), ['latency'])
  proxy.latency(60)
  t.strictSame(names(await sample(app, 9)), [])
  const strict = await openApp(t, {
    ...only({ latencyMs: 10 }),
    redis: await openLink(t, proxy.url(server.url)),
  })
  t.strictSame(names(await sample(strict.app, 4)), ['latency'], 'with a limit of its own the limit holds')
})

t.test('an event loop that is blocked is told as such, and not as a slow Redis', async (t) => {
  const server = await startRedisServer({}, t)
  const { app } = await openApp(t, {
    ...only({ eventLoopDelayMs: 80, latencyMs: 60 }),
    redis: await openLink(t, server.url),
  })
  await sample(app, 6)
  const blocking = setInterval(() => {
    const endMs = performance.now() + 150
    while (performance.now() < endMs);
  }, 5)
  t.teardown(() => {
    clearInterval(blocking)
  })
  // A sample between two blocks sees none, and it takes three in a row.
  let alarms = await sample(app, 8)
  for (let more = 0; alarms.length === 0 && more < 60; more += 1) alarms = await sample(app, 1)
  clearInterval(blocking)
  t.strictSame(names(alarms), ['event-loop'])
  const [redis] = app.healthChecks.snapshot().details.redis
  t.ok(Number(redis?.latencyMs) > 20, `the round trip is as late as the loop: ${redis?.latencyMs} ms`)
  t.ok(Number(redis?.loopBusyMs) > 20, 'and stands beside it')
})

t.test('a replica raises an alarm', async (t) => {
  const server = await startRedisServer({}, t)
  const link = await openLink(t, server.url)
  const { app } = await openApp(t, { ...only({}), redis: link })
  await server.command('replicaof', '127.0.0.1', 1)
  t.strictSame(names(await sample(app, 3)), ['read-only'])
  await server.command('replicaof', 'no', 'one')
  t.strictSame(names(await sample(app, 3)), [])
})

t.test('a server that cannot save raises an alarm until it can', async (t) => {
  const server = await startRedisServer({}, t)
  const link = await openLink(t, server.url)
  const { app } = await openApp(t, { ...only({}), redis: link })
  const [, folder] = [await server.command('config', 'get', 'dir')].flat().map(String)
  // A folder stands where the snapshot would.
  const obstacle = join(folder ?? '', 'dump.rdb')
  await mkdir(obstacle)
  const saved = async (status: string): Promise<boolean> => {
    const info = String(await server.command('info', 'persistence'))
    return info.includes('rdb_bgsave_in_progress:0') && info.includes(`rdb_last_bgsave_status:${status}`)
  }
  await server.command('bgsave')
  await eventually(() => saved('err'))
  t.strictSame(names(await sample(app, 3)), ['persistence'])
  await rmdir(obstacle)
  await server.command('bgsave')
  await eventually(() => saved('ok'))
  t.strictSame(names(await sample(app, 3)), [])
})

t.test('an alarm that is turned off is not raised', async (t) => {
  const server = await startRedisServer({ maxMemoryBytes: 40_000_000 }, t)
  const { app } = await openApp(t, {
    ...only({}),
    redis: await openLink(t, server.url),
  })
  await server.command('eval', `redis.call('set', 'ballast', string.rep('x', 17000000))`, 0)
  t.strictSame(names(await sample(app, 4)), [])
})
