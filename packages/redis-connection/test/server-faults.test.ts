import { eventually, freePort, startRedisServer, startStopwatch } from '@stayfast/test-kit'
import t from 'tap'
import {
  leavesUp,
  listen,
  reaches,
  rejection,
  request,
  startApp,
  unhandledRejections,
} from './support/app.js'

/** What a request may take beyond its one deadline of 1 s on a busy machine. */
const slackMs = 500

t.test(
  'refused before the start: the app starts, requests are refused at once, the log says why',
  async (t) => {
    const { link, lines } = await startApp(t, { url: `redis://127.0.0.1:${await freePort()}` })
    t.equal(link.status, 'down')
    const { outcome, tookMs } = await request(link)
    t.equal(outcome, 'STAY_REDIS_UNAVAILABLE')
    t.ok(tookMs < 50, `took ${tookMs} ms`)
    t.match(lines(), [
      /^redis-connection: redis \(local\), not reached: Nothing listens at this address\. Start Redis/,
    ])
  },
)

t.test('appears after the start: picked up within 2 s, without a restart', async (t) => {
  const port = await freePort()
  const { app, link } = await startApp(t, { url: `redis://127.0.0.1:${port}` })
  const { redis } = app
  t.equal(link.status, 'down')
  // Long enough for the pauses between attempts to have grown.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  await startRedisServer({ port }, t)
  const tookMs = await reaches(link, 'up')
  t.ok(tookMs <= 2000, `took ${tookMs} ms`)
  t.equal((await request(link)).outcome, 'value 1')
  t.equal(app.redis, redis, 'app.redis is the same client as before')
  t.equal(await redis.ping(), 'PONG')
})

t.test('killed under requests: each settles at once, and is refused until the server is back', async (t) => {
  const unhandled = unhandledRejections(t)
  const server = await startRedisServer({}, t)
  const { link } = await startApp(t, { url: server.url })
  const requests: ReturnType<typeof request>[] = []
  const load = setInterval(() => requests.push(request(link)), 2)
  t.teardown(() => {
    clearInterval(load)
  })
  await eventually(() => requests.length > 20)
  await Promise.all([reaches(link, 'down', 1000), server.kill()])
  await new Promise((resolve) => setTimeout(resolve, 300))
  await server.restart()
  const tookMs = await reaches(link, 'up', 3000)
  await new Promise((resolve) => setTimeout(resolve, 50))
  clearInterval(load)
  t.ok(tookMs <= 2000, `back after ${tookMs} ms`)
  const seen = await Promise.all(requests)
  t.strictSame([...new Set(seen.map(({ outcome }) => outcome))].sort(), ['STAY_REDIS_UNAVAILABLE', 'value 1'])
  const slowestMs = Math.max(...seen.map((one) => one.tookMs))
  t.ok(slowestMs < 500, `the slowest request took ${slowestMs} ms`)
  t.equal(seen.at(-1)?.outcome, 'value 1')
  t.strictSame(unhandled, [])
})

t.test(
  'frozen under requests: none waits longer than one deadline, and the link is up again on the thaw',
  async (t) => {
    const unhandled = unhandledRejections(t)
    const server = await startRedisServer({}, t)
    const { link } = await startApp(t, { url: server.url })
    server.freeze()
    const requests: ReturnType<typeof request>[] = []
    const load = setInterval(() => requests.push(request(link)), 20)
    t.teardown(() => {
      clearInterval(load)
    })
    const noticedMs = await leavesUp(link)
    t.ok(noticedMs <= 2000, `noticed after ${noticedMs} ms`)
    await reaches(link, 'down')
    await new Promise((resolve) => setTimeout(resolve, 1000))
    server.thaw()
    const backMs = await reaches(link, 'up', 3000)
    t.ok(backMs <= 2000, `back after ${backMs} ms`)
    clearInterval(load)
    const seen = await Promise.all(requests)
    const slowestMs = Math.max(...seen.map((one) => one.tookMs))
    t.ok(slowestMs <= 1000 + slackMs, `the slowest request took ${slowestMs} ms`)
    t.ok(
      seen.filter((one) => one.tookMs < 50).length > seen.length / 4,
      'once noticed, requests are refused at once',
    )
    t.strictSame(unhandled, [])
  },
)

t.test('frozen while idle: the heartbeat notices within 2 s', async (t) => {
  const server = await startRedisServer({}, t)
  const { link } = await startApp(t, { url: server.url })
  server.freeze()
  const noticedMs = await leavesUp(link)
  t.ok(noticedMs <= 2000 + slackMs, `noticed after ${noticedMs} ms`)
  server.thaw()
})

t.test('restarted empty: the link is up and what was there is gone', async (t) => {
  const server = await startRedisServer({}, t)
  const { link } = await startApp(t, { url: server.url })
  await link.run((client) => client.set('x', '1'))
  await server.restart()
  await reaches(link, 'down', 2000).catch(() => undefined)
  await reaches(link, 'up', 2000)
  t.equal(await link.run((client) => client.get('x')), null)
})

t.test('restarted with its data: the link is up and what was acknowledged is there', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const { link } = await startApp(t, { url: server.url })
  await link.run((client) => client.set('x', '1'))
  await server.restart({ keepData: true })
  await reaches(link, 'down', 2000).catch(() => undefined)
  await reaches(link, 'up', 2000)
  t.equal(await link.run((client) => client.get('x')), '1')
})

t.test(
  'loading its data: requests are refused at once, the log says why, and the link is up when it is done',
  async (t) => {
    const server = await startRedisServer({}, t)
    const { link, lines } = await startApp(t, { url: server.url })
    await server.startLoading(3000)
    await eventually(() => 'cause' in link.state && /LOADING/.test(link.state.cause.message), {
      withinMs: 2500,
    })
    const { outcome, tookMs } = await request(link)
    t.equal(outcome, 'STAY_REDIS_UNAVAILABLE')
    t.ok(tookMs < 50, `took ${tookMs} ms`)
    await server.whenReady()
    const upMs = await reaches(link, 'up', 3000)
    t.ok(upMs <= 1500, `up ${upMs} ms after the data was there`)
    t.equal((await request(link)).outcome, 'value 1')
    t.match(lines().join('\n'), /Redis is reading its data from disk/)
  },
)

t.test('read-only: writes are refused with a reason, reads go on', async (t) => {
  const server = await startRedisServer({}, t)
  const { link } = await startApp(t, { url: server.url })
  await server.becomeReadOnly()
  const { error, tookMs } = await rejection(link.run((client) => client.set('x', '1')))
  t.match(error, { code: 'STAY_REDIS_REFUSED', reason: 'read-only', statusCode: 503 })
  t.ok(tookMs < 500)
  // The connection is renewed once: after a failover the address leads to the new primary.
  await reaches(link, 'down', 1000)
  await reaches(link, 'up', 3000)
  t.equal(await link.run((client) => client.get('x')), null)
  await server.becomeWritable()
  await eventually(async () => (await request(link)).outcome === 'value 1')
})

t.test('a replica by mistake: the link is up, and each write says that this is a replica', async (t) => {
  const primary = await startRedisServer({}, t)
  const replica = await startRedisServer({ replicaOf: primary }, t)
  const { link } = await startApp(t, { url: replica.url })
  t.match((await rejection(link.run((client) => client.set('x', '1')))).error, { reason: 'read-only' })
  await reaches(link, 'up', 3000)
})

t.test('full (OOM): writes are refused with a reason, reads go on, the link stays up', async (t) => {
  const server = await startRedisServer({ maxMemoryBytes: 3_000_000 }, t)
  const { link } = await startApp(t, { url: server.url })
  await server.fillMemory()
  const changes: string[] = []
  link.onChange(({ status }) => changes.push(status))
  const { error } = await rejection(link.run((client) => client.set('x', 'y'.repeat(1000))))
  t.match(error, { code: 'STAY_REDIS_REFUSED', reason: 'out-of-memory', statusCode: 503 })
  t.equal(await link.run((client) => client.get('x')), null)
  await server.freeMemory()
  await link.run((client) => client.set('x', '1'))
  t.strictSame(changes, [])
})

t.test('full of clients: the app starts, the log says so, and attempts are few', async (t) => {
  const server = await startRedisServer({ maxClients: 1 }, t)
  await startApp(t, { url: server.url })
  const { app, link, lines } = await startApp(t, { url: server.url })
  let attempts = 0
  app.redis.on('connect', () => (attempts += 1))
  t.not(link.status, 'up')
  await eventually(() => lines().some((line) => /as many clients as it allows/.test(line)))
  const { outcome, tookMs } = await request(link)
  t.equal(outcome, 'STAY_REDIS_UNAVAILABLE')
  t.ok(tookMs < 50)
  // Some attempts, and then it is left alone for half a minute.
  let before = NaN
  await eventually(
    () => {
      const isQuiet = attempts === before
      before = attempts
      return isQuiet
    },
    { withinMs: 15_000, everyMs: 2000 },
  )
  t.ok(before < 30, `${before} attempts`)
})

t.test('silent: a server that accepts and says nothing neither delays the start nor a request', async (t) => {
  const port = await listen(t, () => undefined)
  const elapsedMs = startStopwatch()
  const { link, lines } = await startApp(t, { url: `redis://127.0.0.1:${port}` })
  t.ok(elapsedMs() < 1500)
  const { outcome, tookMs } = await request(link)
  t.equal(outcome, 'STAY_REDIS_UNAVAILABLE')
  t.ok(tookMs < 50)
  await reaches(link, 'down', 3000)
  await eventually(() => lines().some((line) => /accepts connections and says nothing/.test(line)))
  t.pass()
})
