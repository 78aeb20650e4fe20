import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, startRedisServer, startStopwatch } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import t from 'tap'
import { MemoryLimitStore } from '../dist/stores/memory-limit-store.js'
import { limitHeaders, openApp, statuses } from './open-app.js'

/* What @fastify/rate-limit is known to get wrong, and does not here. */

const server = await startRedisServer({}, t)
let apps = 0

function inRedis(): { redis: Redis; nameSpace: string } {
  apps += 1
  return { redis: new Redis(server.url, { lazyConnect: true }), nameSpace: `app${apps}:` }
}

t.test('no 199 of 200 requests get in around the edge of a window of 100', async (t) => {
  let nowUs = 1_767_225_600_000_000
  const store = new MemoryLimitStore(10, () => nowUs)
  const limit = { algorithm: 'sliding-window', max: 100, burst: 100, windowUs: 1_000_000 } as const
  const take = (count: number): number =>
    store.decideNow({ policy: 'p', key: 'k' }, limit, [{ cost: 1, count }]).runs[0]?.admitted ?? 0
  t.equal(take(1), 1)
  nowUs += 950_000
  t.equal(take(99), 99)
  nowUs += 100_000
  t.equal(take(100), 1)
})

t.test('routes with one groupId share a counter', async (t) => {
  const { app } = await openApp(t, inRedis(), (app) => {
    for (const url of ['/a', '/b']) {
      app.get(url, { config: { rateLimit: { max: 1, groupId: 'shared' } } }, async () => 'ok')
    }
  })
  t.same([...(await statuses(app, 1, '/a')), ...(await statuses(app, 1, '/b'))], [200, 429])
})

t.test('two limiters of createRateLimit do not share a counter', async (t) => {
  const { app } = await openApp(t, inRedis(), (app) => {
    const one = app.createRateLimit({ max: 5, timeWindow: '1 day' })
    const other = app.createRateLimit({ max: 5, timeWindow: '1 day' })
    app.get('/one', async (request) => one(request))
    app.get('/two', async (request) => other(request))
  })
  t.match((await app.inject('/one')).json(), { remaining: 4 })
  t.match((await app.inject('/two')).json(), { remaining: 4 })
  t.match((await app.inject('/one')).json(), { remaining: 3 })
})

t.test('HEAD and GET of a route are counted together', async (t) => {
  const { app } = await openApp(t, inRedis(), (app) => {
    app.get('/own', { config: { rateLimit: { max: 2 } } }, async () => 'ok')
  })
  const head = { url: '/own', method: 'HEAD' }
  t.same([...(await statuses(app, 1, '/own')), ...(await statuses(app, 2, head))], [200, 200, 429])
})

t.test('a window that is no whole number of milliseconds leaves no key without TTL', async (t) => {
  const options = inRedis()
  const { app } = await openApp(t, { ...options, max: 1, timeWindow: 60_000.5 })
  t.same(await statuses(app, 2), [200, 429])
  const keys = await server.command('keys', `${options.nameSpace}rate:*`)
  t.ok(Array.isArray(keys) && keys.length >= 2)
  for (const key of Array.isArray(keys) ? keys.map(String) : []) {
    t.ok(Number(await server.command('pttl', key)) > 0, key)
  }
})

t.test('a Redis that is away neither opens the gates nor makes a request wait', async (t) => {
  const { app, lines } = await openApp(t, {
    redis: new Redis({ port: await freePort(), lazyConnect: true }),
    max: 2,
  })
  const elapsedMs = startStopwatch()
  t.same(await statuses(app, 3), [200, 200, 429])
  t.ok(elapsedMs() < 2000)
  t.ok(lines.some(({ level, msg }) => level === 40 && msg.includes('Redis does not count')))
})

t.test('a refused request loads no session', async (t) => {
  let loaded = 0
  const { app } = await openApp(t, { max: 1 }, (app) => {
    app.addHook('onRequest', async () => {
      loaded += 1
    })
  })
  await statuses(app, 5)
  t.equal(loaded, 1)
})

t.test('what no route answers is limited', async (t) => {
  const { app } = await openApp(t, { max: 1 })
  t.same(await statuses(app, 2, '/nowhere'), [404, 429])
})

t.test('a request through a unix socket is no 500', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'rate-limit-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const path = join(folder, 'app.sock')
  const { app } = await openApp(t)
  await app.listen({ path })
  const socket = connect(path)
  socket.write('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  const [answer] = (await once(socket, 'data')) as [Buffer]
  t.match(answer.toString(), /^HTTP\/1\.1 200/)
  socket.destroy()
})

t.test('the headers are those of the current draft', async (t) => {
  const { app } = await openApp(t, { max: 2, timeWindow: '1 minute' })
  t.match(limitHeaders(await app.inject('/')), {
    'ratelimit-policy': '"default";q=2;w=60',
    ratelimit: /^"default";r=1;t=\d+$/,
  })
})

t.test('a second policy is an option, not a second registration', async (t) => {
  const policies = [{ name: 'burst', max: 2, timeWindow: '1 second' }]
  const { app } = await openApp(t, { max: 100, policies })
  const [first, second, third] = await statuses(app, 3)
  t.same([first, second, third], [200, 200, 429])
})

t.test('a client is banned for refusals alone', async (t) => {
  const { app } = await openApp(t, { ...inRedis(), algorithm: 'gcra', max: 2, ban: 1, timeWindow: '1 day' })
  t.same(await statuses(app, 5), [200, 200, 429, 403, 403])
})
