import { freePort, startFaultProxy, startProcess, startRedisServer, startStopwatch } from '@stayfast/test-kit'
import t, { type Test } from 'tap'
import { leavesUp, listen, reaches, rejection, startApp } from './support/app.js'

interface Ended {
  readonly status: string
  readonly closeMs: number
  /** From the line that it is closed until the process was gone. */
  readonly lingeredMs: number
}

async function runUntilClosed(t: Test, url: string, liveMs: number): Promise<Ended> {
  const program = await startProcess(
    new URL('programs/close-by-itself.js', import.meta.url),
    { env: { REDIS_URL: url, LIVE_MS: String(liveMs) } },
    t,
  )
  const line = await program.waitForLine(/^closed from/, { timeoutMs: 15_000 })
  const sinceCloseMs = startStopwatch()
  const { code, signal } = await program.exited
  t.strictSame({ code, signal, stderr: program.stderr }, { code: 0, signal: null, stderr: [] })
  const [, status = '', closeMs] = /^closed from (\w+) in (\d+) ms$/.exec(line) ?? []
  return { status, closeMs: Number(closeMs), lingeredMs: sinceCloseMs() }
}

t.test('close is quick and leaves nothing that keeps the process, in every state', async (t) => {
  const server = await startRedisServer({}, t)
  const hung = await startRedisServer({}, t)
  const silentPort = await listen(t, () => undefined)
  hung.freeze()
  t.teardown(() => {
    hung.thaw()
  })
  const cases: [string, string, number][] = [
    ['up', server.url, 300],
    ['down', `redis://127.0.0.1:${await freePort()}`, 300],
    ['connecting', `redis://127.0.0.1:${silentPort}`, 100],
    ['down', hung.url, 2500],
  ]
  for (const [status, url, liveMs] of cases) {
    const ended = await runUntilClosed(t, url, liveMs)
    t.equal(ended.status, status)
    t.ok(ended.closeMs < 1000, `${status}: closed in ${ended.closeMs} ms`)
    t.ok(ended.lingeredMs < 1500, `${status}: gone ${Math.round(ended.lingeredMs)} ms later`)
  }
})

t.test('close is quick while commands are under way to a Redis that hangs', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const { app, link } = await startApp(t, { url: proxy.url(server.url) })
  proxy.blackHole()
  const pending = rejection(link.run((client) => client.get('x')))
  let elapsedMs = startStopwatch()
  await app.close()
  t.ok(elapsedMs() < 1000, 'from up, with a command in flight')
  t.match((await pending).error, { code: 'STAY_REDIS_UNAVAILABLE' })
  t.equal(link.status, 'closed')

  await proxy.restore()
  const suspect = await startApp(t, { url: proxy.url(server.url) })
  await reaches(suspect.link, 'up')
  proxy.blackHole()
  await leavesUp(suspect.link)
  elapsedMs = startStopwatch()
  await suspect.app.close()
  t.ok(elapsedMs() < 1000, 'from suspect')
})

t.test('a link that is asked for after the close is closed', async (t) => {
  const server = await startRedisServer({}, t)
  const { app } = await startApp(t, { url: server.url })
  const { redisConnection } = app
  await app.close()
  t.equal(redisConnection.link('queue').status, 'closed')
  t.equal(redisConnection.status, 'closed')
  t.match(await redisConnection.check(), { status: 'unhealthy', connected: false })
})

t.test('an app that failed to start lets its process end, closed or not', async (t) => {
  const program = await startProcess(
    new URL('programs/fail-to-start.js', import.meta.url),
    { env: { REDIS_URL: `redis://127.0.0.1:${await freePort()}` } },
    t,
  )
  await program.waitForLine(/^STAY_REDIS_REQUIRED$/, { timeoutMs: 8000 })
  const elapsedMs = startStopwatch()
  t.match(await program.exited, { code: 0 })
  t.ok(elapsedMs() < 1500)
})
