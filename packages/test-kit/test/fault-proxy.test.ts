import { performance } from 'node:perf_hooks'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import {
  eventually,
  type FaultProxy,
  freePort,
  type RedisServer,
  startFaultProxy,
  startRedisServer,
} from '../dist/index.js'
import { client } from './client.js'

interface Rig {
  server: RedisServer
  proxy: FaultProxy
  redis: Redis
}

async function rig(t: Test, options: Parameters<typeof client>[2] = {}): Promise<Rig> {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy(server, t)
  const redis = client(t, proxy.url(server.url), options)
  await redis.ping()
  return { server, proxy, redis }
}

async function took(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}

t.test('a proxy without faults is a wire, for TLS as well', async (t) => {
  const server = await startRedisServer({ tls: true, password: 'p@ss' }, t)
  const listenPort = await freePort()
  const proxy = await startFaultProxy({ host: server.host, port: server.port, listenPort }, t)
  t.equal(proxy.url(server.url), server.url.replace(String(server.port), String(listenPort)))
  const redis = new Redis(proxy.url(server.url), { tls: { ca: server.ca ?? '' } })
  t.teardown(() => redis.disconnect())
  const large = 'x'.repeat(3_000_000)
  await redis.set('key', large)
  t.ok((await redis.get('key')) === large)
  t.equal(proxy.connections, 1)
  t.equal(proxy.accepted, 1)
})

t.test(
  'refuse() resets what is open and refuses what is new; restore() listens on the same port',
  async (t) => {
    const { server, proxy, redis } = await rig(t)
    await proxy.refuse()
    t.equal(proxy.connections, 0)
    const stranger = new Redis(proxy.url(server.url), { retryStrategy: () => null, maxRetriesPerRequest: 0 })
    const error = await new Promise((resolve) => stranger.once('error', resolve))
    t.match(error, { code: 'ECONNREFUSED' })
    await proxy.restore()
    await eventually(() => redis.ping())
  },
)

t.test('latency() lengthens a round trip and restore() takes that back', async (t) => {
  const { proxy, redis } = await rig(t)
  proxy.latency(80)
  const slowMs = await took(() => redis.ping())
  t.ok(slowMs >= 80 && slowMs < 400, `${slowMs} ms`)
  await proxy.restore()
  t.ok((await took(() => redis.ping())) < 80)
})

t.test('a black hole holds bytes both ways and lets them go on restore()', async (t) => {
  const { server, proxy, redis } = await rig(t)
  const impatient = redis.duplicate({ commandTimeout: 100 })
  t.teardown(() => impatient.disconnect())
  await impatient.ping()

  proxy.blackHole()
  const answer = redis.ping()
  await t.rejects(impatient.set('key', 'late'), { message: /timed out/ })
  t.equal(await server.command('get', 'key'), null, 'nothing reached the server')
  t.equal(proxy.connections, 2, 'and the connections stay open')

  await proxy.restore()
  t.equal(await answer, 'PONG')
  await eventually(async () => (await server.command('get', 'key')) === 'late')
})

t.test('a black hole holds a reply that was on its way', async (t) => {
  const { server, proxy, redis } = await rig(t)
  proxy.latency(100)
  const answer = redis.set('key', 'value')
  await eventually(async () => (await server.command('get', 'key')) === 'value')
  proxy.blackHole()
  const first = await Promise.race([answer, new Promise((resolve) => setTimeout(() => resolve('held'), 200))])
  t.equal(first, 'held')
  await proxy.restore()
  t.equal(await answer, 'OK')
})

t.test('a black hole accepts a new connection and keeps it waiting', async (t) => {
  const { server, proxy } = await rig(t)
  proxy.blackHole()
  const redis = new Redis(proxy.url(server.url), { maxRetriesPerRequest: 0 })
  redis.on('error', () => undefined)
  t.teardown(() => redis.disconnect())
  await new Promise((resolve) => redis.once('connect', resolve))
  t.equal(redis.status, 'connect', 'connected, and not ready')
  await proxy.restore()
  await new Promise((resolve) => redis.once('ready', resolve))
})

t.test('a black hole that drops loses the bytes, and the connections with them', async (t) => {
  const { server, proxy, redis } = await rig(t)
  proxy.blackHole({ drop: true })
  const lost = redis.set('key', 'lost').catch((error: unknown) => error)
  await new Promise((resolve) => setImmediate(resolve))
  await proxy.restore()
  t.match(await lost, Error)
  await eventually(() => redis.ping())
  t.equal(await server.command('get', 'key'), null)
})

t.test('resetAll() resets every connection and welcomes new ones', async (t) => {
  const { proxy, redis } = await rig(t)
  const error = new Promise((resolve) => redis.once('error', resolve))
  proxy.resetAll()
  t.equal(proxy.connections, 0)
  t.match(await error, { code: 'ECONNRESET' })
  await eventually(() => redis.ping())
})

t.test('drip() passes a few bytes at a time', async (t) => {
  const { proxy, redis } = await rig(t)
  await redis.set('key', 'x'.repeat(95))
  proxy.drip({ bytes: 10, everyMs: 10 })
  t.ok((await took(() => redis.get('key'))) >= 100)
  proxy.drip({ bytes: 1, everyMs: 60_000 })
  const answer = redis.ping()
  await proxy.restore()
  t.equal(await answer, 'PONG')
})

t.test(
  'a dropped reply: the request takes effect, earlier replies arrive, the connection is silent',
  async (t) => {
    const { server, proxy, redis } = await rig(t, { commandTimeout: 200 })
    await redis.set('key', 'value')
    proxy.dropReplies({ count: 1, matching: /^incr counter$/gi })
    const replies = await Promise.allSettled([redis.get('key'), redis.incr('counter'), redis.get('key')])
    t.strictSame(
      replies.map(({ status }) => status),
      ['fulfilled', 'rejected', 'rejected'],
    )
    t.equal(await server.command('get', 'counter'), '1')

    const other = redis.duplicate()
    t.teardown(() => other.disconnect())
    t.equal(await other.incr('counter'), 2, 'no more than the count are dropped')

    const closed = new Promise((resolve) => redis.once('close', resolve))
    await proxy.restore()
    await closed
    await eventually(() => redis.ping())
  },
)

t.test('a dropped reply can be a reset in its place', async (t) => {
  const { server, proxy, redis } = await rig(t)
  proxy.dropReplies({ matching: /^set/i, reset: true })
  const closed = new Promise((resolve) => redis.once('close', resolve))
  await t.rejects(redis.set('key', 'value'))
  await closed
  t.equal(await server.command('get', 'key'), 'value')
})

for (const protocol of [2, 3] as const) {
  t.test(
    `RESP${protocol}: messages, which answer no request, do not confuse which reply is dropped`,
    async (t) => {
      const { server, proxy, redis } = await rig(t, { protocol, commandTimeout: 300 })
      await redis.subscribe('news')
      const heard = new Promise((resolve) => redis.once('message', (_channel, text) => resolve(text)))
      await server.command('publish', 'news', 'hello')
      t.equal(await heard, 'hello')
      await redis.unsubscribe('news')
      await redis.mset('a', '1', 'b', '2')
      await redis.hset('h', 'field', 'value')
      proxy.dropReplies({ matching: /^get b$/ })
      const replies = await Promise.allSettled([
        redis.mget('a', 'b', 'none'),
        redis.hgetall('h'),
        redis.get('b'),
      ])
      t.strictSame(
        replies.map(({ status }) => status),
        ['fulfilled', 'fulfilled', 'rejected'],
      )
    },
  )
}

t.test('replies are dropped through TLS, without looking at the requests', async (t) => {
  const server = await startRedisServer({ tls: true }, t)
  const proxy = await startFaultProxy(server, t)
  const redis = new Redis(proxy.url(server.url), { tls: { ca: server.ca ?? '' }, commandTimeout: 200 })
  redis.on('error', () => undefined)
  t.teardown(() => redis.disconnect())
  await redis.ping()
  proxy.dropReplies({ count: 1 })
  await t.rejects(redis.set('key', 'value'), { message: /timed out/ })
  t.equal(await server.command('get', 'key'), 'value')
})

t.test('a server that dies behind the proxy takes the connections with it', async (t) => {
  const { server, proxy, redis } = await rig(t, { retryStrategy: () => null })
  const closed = new Promise((resolve) => redis.once('close', resolve))
  await server.kill()
  await closed
  await eventually(() => proxy.connections === 0)
})
