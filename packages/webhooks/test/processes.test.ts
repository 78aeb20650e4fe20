import { eventually, startRedisServer, type RedisServer, startStopwatch } from '@stayfast/test-kit'
import { createHmac } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { startEffects } from './start-effects.js'
import { post, startWorkerApp } from './start-worker-app.js'

const patient = { withinMs: 60_000 }

t.test('a clock that is ten minutes off neither refuses nor loses events', async (t) => {
  const survives = async (offsetMs: number): Promise<void> => {
    const { url, effects } = await startEffects(t)
    const env = { REDIS_URL: url, LEASE_SECONDS: '10', QUEUE_BACKOFF_DELAY: '50' }
    const wrong = await startWorkerApp(t, { ...env, CLOCK_OFFSET_MS: String(offsetMs) })
    const sendStripe = async (id: string, ageSeconds: number): Promise<number> => {
      const body = JSON.stringify({ id, type: 'charge.succeeded' })
      const at = Math.floor(Date.now() / 1000) - ageSeconds
      const signature = createHmac('sha256', 'whsec_test').update(`${at}.${body}`).digest('hex')
      const headers = { 'stripe-signature': `t=${at},v1=${signature}` }
      return (await fetch(`${wrong.url}/webhooks/stripe`, { method: 'POST', headers, body })).status
    }
    t.equal(await sendStripe('evt_1', 0), 202, 'signatures are judged by the clock of Redis')
    t.equal(await sendStripe('evt_2', 600), 401)
    t.equal(await post(wrong.url, { id: 'w-1', topic: 'fails once' }), 202)
    t.equal(await post(wrong.url, { id: 'w-1', topic: 'fails once' }), 200)
    await eventually(async () => (await effects.llen('effects')) === 2, patient)
    t.strictSame((await effects.lrange('effects', 0, -1)).sort(), ['evt_1', 'w-1'])
    t.strictSame((await effects.lrange('runs', 0, -1)).sort(), [
      'evt_1 1 false',
      'w-1 1 false',
      'w-1 2 false',
    ])
  }
  await Promise.all([-600_000, 600_000].map(survives))
})

t.test('a process that is told to end while Redis is away ends by itself', async (t) => {
  const ends = async (hurt: (server: RedisServer) => unknown, afterMs: number): Promise<number> => {
    const server = await startRedisServer({}, t)
    const { process, url } = await startWorkerApp(t, { REDIS_URL: server.url, LEASE_SECONDS: '10' })
    t.equal(await post(url, { id: 'w-1' }), 202)
    await hurt(server)
    await delay(afterMs)
    const elapsedMs = startStopwatch()
    await process.kill('SIGTERM')
    if (server.running) server.thaw()
    return elapsedMs()
  }
  const times = await Promise.all([
    ends((server) => server.kill(), 100),
    ends((server) => server.freeze(), 100),
    // When the command that waits for work has been given up, and the connection with it.
    ends((server) => server.kill(), 8000),
    ends((server) => server.freeze(), 8000),
  ])
  t.ok(
    times.every((tookMs) => tookMs < 20_000),
    times.map((tookMs) => `${Math.round(tookMs)} ms`).join(', '),
  )
})
