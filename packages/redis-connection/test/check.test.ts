import { startRedisServer, startStopwatch } from '@stayfast/test-kit'
import t from 'tap'
import { leavesUp, reaches, startApp } from './support/app.js'

t.test('check tells healthy and how long a round trip took, or unhealthy', async (t) => {
  const server = await startRedisServer({}, t)
  const { app, link } = await startApp(t, { url: server.url })
  const healthy = await app.redisConnection.check()
  t.match(healthy, { status: 'healthy', connected: true, latencyMs: Number })
  t.ok(Number(healthy.latencyMs) >= 1 && Number(healthy.latencyMs) < 1000)
  await Promise.all([reaches(link, 'down'), server.kill()])
  t.strictSame(await app.redisConnection.check(), { status: 'unhealthy', connected: false, latencyMs: null })
  await server.restart()
  await reaches(link, 'up')
  t.match(await app.redisConnection.check(), { status: 'healthy' })
})

t.test('check answers within 50 ms while Redis is frozen, the first one too', async (t) => {
  const server = await startRedisServer({}, t)
  const { app, link } = await startApp(t, { url: server.url })
  server.freeze()
  const seen: { status: string; tookMs: number }[] = []
  const ask = async (): Promise<void> => {
    const elapsedMs = startStopwatch()
    const { status } = await app.redisConnection.check()
    seen.push({ status, tookMs: elapsedMs() })
  }
  await ask()
  const left = leavesUp(link)
  const asking = setInterval(() => void ask(), 50)
  await left
  await new Promise((resolve) => setTimeout(resolve, 500))
  clearInterval(asking)
  const slowestMs = Math.max(...seen.map(({ tookMs }) => tookMs))
  // 40 ms by its timer; the rest is what a busy machine may add.
  t.ok(slowestMs < 50 + 50, `the slowest took ${slowestMs} ms`)
  t.equal(seen.at(-1)?.status, 'unhealthy')
  server.thaw()
})

t.test('a thousand checks at once cost one command, and so do those of the next half second', async (t) => {
  const server = await startRedisServer({}, t)
  const { app } = await startApp(t, { url: server.url, heartbeatMs: false })
  const counts = await server.countCommands(async () => {
    const results = await Promise.all(Array.from({ length: 1000 }, () => app.redisConnection.check()))
    t.equal(results.filter(({ status }) => status === 'healthy').length, 1000)
    for (let more = 0; more < 100; more += 1) await app.redisConnection.check()
  })
  t.strictSame(counts, { time: 1 })
})

t.test('checks of a server that refuses TIME are not passed on one by one either', async (t) => {
  const server = await startRedisServer({}, t)
  await server.command('acl', 'setuser', 'small', 'on', '>pw', '~*', '+@all', '-time')
  const { app } = await startApp(t, {
    url: server.url.replace('redis://', 'redis://small:pw@'),
    heartbeatMs: false,
  })
  const counts = await server.countCommands(async () => {
    for (let more = 0; more < 50; more += 1) {
      t.equal((await app.redisConnection.check()).status, 'healthy')
    }
  })
  t.ok((counts['time'] ?? 0) <= 1, JSON.stringify(counts))
})
