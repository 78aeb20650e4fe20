import {
  eventually,
  startFaultProxy,
  startRedisServer,
  type FaultProxy,
  type RedisServer,
} from '@stayfast/test-kit'
import t, { type Test } from 'tap'
import {
  leavesUp,
  reaches,
  rejection,
  request,
  startApp,
  unhandledRejections,
  type TestApp,
} from './support/app.js'

/** What a busy machine may add to a bound. */
const slackMs = 500

async function startBehindProxy(t: Test): Promise<{ server: RedisServer; proxy: FaultProxy } & TestApp> {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const { app, lines, link, log } = await startApp(t, { url: proxy.url(server.url) })
  await reaches(link, 'up')
  return { server, proxy, app, lines, link, log }
}

t.test(
  'a black hole under requests: noticed within 2 s, none waits longer than one deadline, and it is recovered from',
  async (t) => {
    const unhandled = unhandledRejections(t)
    const { proxy, link } = await startBehindProxy(t)
    proxy.blackHole({ drop: true })
    const requests: ReturnType<typeof request>[] = []
    const load = setInterval(() => requests.push(request(link)), 20)
    t.teardown(() => {
      clearInterval(load)
    })
    const noticedMs = await leavesUp(link)
    t.ok(noticedMs <= 2000, `noticed after ${noticedMs} ms`)
    await reaches(link, 'down')
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await proxy.restore()
    const backMs = await reaches(link, 'up', 4000)
    t.ok(backMs <= 2000, `back after ${backMs} ms`)
    clearInterval(load)
    const slowestMs = Math.max(...(await Promise.all(requests)).map(({ tookMs }) => tookMs))
    t.ok(slowestMs <= 1000 + slackMs, `the slowest request took ${slowestMs} ms`)
    t.equal((await request(link)).outcome, 'value 1')
    t.strictSame(unhandled, [])
  },
)

t.test('a black hole while idle: the heartbeat notices within 2 s', async (t) => {
  const { proxy, link } = await startBehindProxy(t)
  proxy.blackHole()
  const noticedMs = await leavesUp(link)
  t.ok(noticedMs <= 2000 + slackMs, `noticed after ${noticedMs} ms`)
})

t.test('latency: a slow network makes requests slow, and the link stays up', async (t) => {
  const { proxy, link } = await startBehindProxy(t)
  const changes: string[] = []
  link.onChange(({ status }) => changes.push(status))
  proxy.latency(400)
  const startedMs = performance.now()
  const { outcome } = await request(link)
  const tookMs = performance.now() - startedMs
  t.equal(outcome, 'value 1', 'two commands of 400 ms each')
  t.ok(tookMs >= 750, `took ${tookMs} ms`)
  t.strictSame(changes, [])
})

t.test('latency: a link comes up over a network with 450 ms a round trip', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  proxy.latency(450)
  const { app } = await startApp(t, { url: proxy.url(server.url) })
  await reaches(app.redisConnection.link('queue'), 'up', 8000)
  t.pass('though it takes several of them')
})

t.test(
  'latency beyond the deadline: the request is given up by then, and the next one does not wait',
  async (t) => {
    const { proxy, link } = await startBehindProxy(t)
    proxy.latency(3000)
    const first = await request(link)
    t.equal(first.outcome, 'STAY_REDIS_UNAVAILABLE')
    t.ok(first.tookMs <= 1000 + slackMs, `took ${first.tookMs} ms`)
    const second = await request(link)
    t.ok(second.tookMs < 50, `the next took ${second.tookMs} ms`)
    await proxy.restore()
    await reaches(link, 'up', 4000)
  },
)

t.test(
  'reset connections: what is under way fails at once, and the link is up again within 1 s',
  async (t) => {
    const unhandled = unhandledRejections(t)
    const { proxy, link } = await startBehindProxy(t)
    proxy.latency(200)
    const pending = rejection(link.run((client) => client.get('x')))
    await new Promise((resolve) => setTimeout(resolve, 50))
    proxy.resetAll()
    const { error, tookMs } = await pending
    t.match(error, { code: 'STAY_REDIS_UNAVAILABLE', outcome: 'unknown' })
    t.ok(tookMs < 500, `took ${tookMs} ms`)
    await proxy.restore()
    const backMs = await reaches(link, 'up', 3000)
    t.ok(backMs <= 1000 + slackMs, `back after ${backMs} ms`)
    t.strictSame(unhandled, [])
  },
)

t.test(
  'reset in the middle of each handshake: no rejection is left unhandled, and the link comes up afterwards',
  async (t) => {
    const unhandled = unhandledRejections(t)
    const { proxy, app, link } = await startBehindProxy(t)
    const queue = app.redisConnection.link('queue')
    await reaches(queue, 'up')
    const heard: string[] = []
    queue.subscribe('news', { onMessage: (message) => heard.push(message) })
    for (const matching of [/^hello/i, /^select/i, /^info/i, /^time/i, /^subscribe/i]) {
      proxy.dropReplies({ matching, reset: true })
      proxy.resetAll()
      await new Promise((resolve) => setTimeout(resolve, 700))
      await proxy.restore()
      await Promise.all([reaches(link, 'up', 3000), reaches(queue, 'up', 3000)])
    }
    await eventually(async () => {
      await queue.run((client) => client.publish('news', 'hello'))
      return heard.includes('hello')
    })
    t.strictSame(unhandled, [])
  },
)

t.test('byte drip: replies that come in small pieces are put together', async (t) => {
  const { proxy, link } = await startBehindProxy(t)
  proxy.drip({ bytes: 3, everyMs: 2 })
  t.equal((await request(link)).outcome, 'value 1')
  t.equal(link.status, 'up')
})

t.test('byte drip slower than a deadline: requests are given up, and the link recovers', async (t) => {
  const { proxy, link } = await startBehindProxy(t)
  proxy.drip({ bytes: 1, everyMs: 200 })
  const { outcome, tookMs } = await request(link)
  t.equal(outcome, 'STAY_REDIS_UNAVAILABLE')
  t.ok(tookMs <= 1000 + slackMs, `took ${tookMs} ms`)
  await proxy.restore()
  await reaches(link, 'up', 5000)
})

t.test(
  'a dropped reply: the request ends at its deadline with an unknown outcome, and the write has happened',
  async (t) => {
    const { server, proxy, link } = await startBehindProxy(t)
    proxy.dropReplies({ count: 1, matching: /^set/i })
    const { error, tookMs } = await rejection(link.run((client) => client.set('x', '1')))
    t.match(error, { code: 'STAY_REDIS_UNAVAILABLE', outcome: 'unknown' })
    t.ok(tookMs <= 1000 + slackMs, `took ${tookMs} ms`)
    t.equal(await server.command('get', 'x'), '1')
    await reaches(link, 'up', 5000)
    t.pass('a connection with a gap is given up and made anew')
  },
)

t.test(
  'refused for a while, then open: down at once, refused at once, and up within 2 s of the reopening',
  async (t) => {
    const { proxy, link } = await startBehindProxy(t)
    const [goneMs] = await Promise.all([reaches(link, 'down', 2000), proxy.refuse()])
    t.ok(goneMs < 500, `down after ${goneMs} ms`)
    const { outcome, tookMs } = await request(link)
    t.equal(outcome, 'STAY_REDIS_UNAVAILABLE')
    t.ok(tookMs < 50, `took ${tookMs} ms`)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    await proxy.restore()
    const backMs = await reaches(link, 'up', 4000)
    t.ok(backMs <= 2000, `back after ${backMs} ms`)
  },
)
