import {
  eventually,
  startProcess,
  startRedisServer,
  type ManagedProcess,
  startStopwatch,
} from '@stayfast/test-kit'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import health, { type HealthOptions } from '../dist/index.js'
import { openApp, probe } from './support/open-app.js'

const listening = /Server listening at http:\/\/127\.0\.0\.1:(\d+)/

async function serve(
  t: Test,
  options: HealthOptions,
  env: Record<string, string | undefined> = {},
): Promise<{ child: ManagedProcess; port: number; log: () => string }> {
  const child = await startProcess(
    new URL('programs/serve.js', import.meta.url),
    {
      env: {
        REDIS_URL: undefined,
        HEALTH_OPTIONS: JSON.stringify({ signals: ['SIGTERM', 'SIGINT'], ...options }),
        ...env,
      },
      readyWhen: listening,
    },
    t,
  )
  const port = Number(listening.exec(await child.waitForLine(listening))?.[1])
  return { child, port, log: () => child.lines.map(({ text }) => text).join('\n') }
}

interface Answer {
  readonly statusCode: number | undefined
  readonly connection: string | undefined
  readonly body: string
}

function get(port: number, path: string, agent: Agent): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = request({ host: '127.0.0.1', port, path, agent }, (response) => {
      let body = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (body += chunk))
      response.on('end', () => {
        resolve({ statusCode: response.statusCode, connection: response.headers.connection, body })
      })
      response.on('error', reject)
    })
    asking.on('error', reject)
    asking.end()
  })
}

function keepAlive(t: Test): Agent {
  const agent = new Agent({ keepAlive: true })
  t.teardown(() => {
    agent.destroy()
  })
  return agent
}

/** A connection on which a test writes what it likes. */
async function openSocket(t: Test, port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port })
  socket.on('error', () => undefined)
  t.teardown(() => {
    socket.destroy()
  })
  await once(socket, 'connect')
  return socket
}

t.test('a process under load that gets SIGTERM drops no request', async (t) => {
  const redis = await startRedisServer({}, t)
  const { child, port, log } = await serve(t, { drainDelayMs: 1000 }, { REDIS_URL: redis.url })
  const agent = keepAlive(t)
  let wanted = true
  const answers: Answer[] = []
  const failures: string[] = []
  const worker = async (): Promise<void> => {
    while (wanted) {
      await get(port, '/work', agent).then(
        (answer) => answers.push(answer),
        (error: unknown) => failures.push(String(error)),
      )
    }
  }
  // What a load balancer does: it asks, and sends no more when the answer is 503.
  const balancer = async (): Promise<void> => {
    while (wanted) {
      const { statusCode } = await get(port, '/readyz', agent)
      if (statusCode === 503) wanted = false
      else await delay(100)
    }
  }
  const load = Promise.all([balancer(), ...Array.from({ length: 20 }, worker)])
  await eventually(() => answers.length > 100)
  const exit = child.kill('SIGTERM')
  await load
  t.strictSame(failures, [])
  t.strictSame([...new Set(answers.map(({ statusCode }) => statusCode))], [200])
  t.ok(
    answers.some(({ connection }) => connection === 'close'),
    'while it drains it answers, and asks to connect anew',
  )
  t.equal((await exit).code, 0)
  const order = ['SIGTERM received', 'not ready any more', 'workers: stopped']
  const places = order.map((line) => log().indexOf(line))
  t.strictSame(
    places,
    [...places].sort((one, other) => one - other),
    'in this order',
  )
  t.notOk(places.includes(-1))
})

t.test('readiness is 503 while draining, and everything else is answered', async (t) => {
  const { child, port } = await serve(t, { drainDelayMs: 1500 })
  const agent = keepAlive(t)
  t.equal((await get(port, '/readyz', agent)).statusCode, 200)
  const exit = child.kill('SIGTERM')
  await eventually(async () => (await get(port, '/readyz', agent)).statusCode === 503)
  t.match(await get(port, '/readyz', agent), { body: '{"status":"draining"}', connection: 'close' })
  t.match(await get(port, '/livez', agent), { statusCode: 200 })
  t.match(await get(port, '/work', agent), { statusCode: 200, connection: 'close' })
  t.equal((await exit).code, 0)
})

t.test('connections that are idle, or on which nothing was ever sent, do not hold up the end', async (t) => {
  const { child, port } = await serve(t, { drainDelayMs: 0, requestsWithinMs: 30_000 })
  const idle = await openSocket(t, port)
  idle.write('GET /livez HTTP/1.1\r\nhost: x\r\n\r\n')
  await once(idle, 'data')
  await openSocket(t, port)
  const late = await openSocket(t, port)
  late.write('GET /told HTTP/1.1\r\nhost: x\r\n\r\n')
  const answered = once(late, 'data')
  await child.waitForLine(/told: begun/)
  const elapsedMs = startStopwatch()
  t.equal((await child.kill('SIGTERM')).code, 0)
  t.ok(elapsedMs() < 15_000)
  t.match(String(await answered), /^HTTP\/1\.1 200/)
})

t.test('a request that never ends is cut off in the end, and told', async (t) => {
  const { child, port, log } = await serve(t, { drainDelayMs: 0, requestsWithinMs: 300 })
  const agent = keepAlive(t)
  const cut = Promise.all([t.rejects(get(port, '/hangs', agent)), t.rejects(get(port, '/endless', agent))])
  await delay(100)
  t.equal((await child.kill('SIGTERM')).code, 0)
  await cut
  t.match(log(), /2 requests were cut off after 300 ms/)
})

t.test('an app that does not end in time is ended, and told', async (t) => {
  const options = { drainDelayMs: 0, requestsWithinMs: 200, closeWithinMs: 300 }
  const { child, log } = await serve(t, options, { HANG_ON_CLOSE: 'yes' })
  t.equal((await child.kill('SIGTERM')).code, 1)
  t.match(log(), /not closed after 500 ms; the process ends as it is/)
})

t.test(
  'what was accepted while Redis was away and is lost with the process is told before it ends',
  async (t) => {
    const redis = await startRedisServer({}, t)
    const { child, port, log } = await serve(t, { drainDelayMs: 0 }, { REDIS_URL: redis.url })
    await redis.kill()
    const saved = await fetch(`http://127.0.0.1:${port}/install/a`, { method: 'POST' })
    t.match(await saved.json(), { durability: 'buffered' })
    t.equal((await child.kill('SIGTERM')).code, 0)
    t.match(log(), /1 accepted writes are lost/)
  },
)

t.test('a second signal ends it at once', async (t) => {
  const { child, port } = await serve(t, { drainDelayMs: 60_000 })
  const agent = keepAlive(t)
  const exit = child.kill('SIGTERM')
  await eventually(async () => (await get(port, '/readyz', agent)).statusCode === 503)
  child.signal('SIGTERM')
  t.equal((await exit).code, 1)
})

t.test('an app that is closed by others drains its connections too', async (t) => {
  const { app } = await openApp(t, {}, (app) => {
    app.get('/slow', async () => {
      await delay(200)
      return 'done'
    })
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  const port = Number(Reflect.get(Object(app.server.address()), 'port'))
  const agent = keepAlive(t)
  await get(port, '/livez', agent)
  const slow = get(port, '/slow', agent)
  await delay(50)
  const elapsedMs = startStopwatch()
  await app.close()
  t.match(await slow, { statusCode: 200, connection: 'close', body: 'done' })
  t.ok(elapsedMs() < 10_000)
  t.equal(app.healthChecks.phase, 'draining')
})

t.test('shutdown can be asked for without signals, twice, and without a server', async (t) => {
  const { app } = await openApp(t)
  t.match(await probe(app, '/readyz'), { statusCode: 200 })
  await Promise.all([app.healthChecks.shutdown(), app.healthChecks.shutdown({ drainDelayMs: 0 })])
  t.equal(app.healthChecks.phase, 'draining')
})

/** The status of an answer, or undefined where the stream ends without one. */
function statusOver(session: ClientHttp2Session, path: string): Promise<unknown> {
  const stream = session.request({ ':path': path })
  stream.on('error', () => undefined)
  stream.resume()
  return new Promise((resolve) => {
    stream.once('response', (headers) => {
      resolve(headers[':status'])
    })
    stream.once('close', resolve)
  })
}

t.test(
  'over HTTP/2 idle sessions end with the app, requests under way are answered, and the rest is cut',
  async (t) => {
    const app = Fastify({ http2: true })
    app.register(health, { redis: false, requestsWithinMs: 2000 })
    app.get('/slow', async () => {
      await delay(200)
      return 'done'
    })
    app.get('/never', () => new Promise(() => undefined))
    const url = await app.listen({ port: 0, host: '127.0.0.1' })
    const sessions = [connectHttp2(url), connectHttp2(url), connectHttp2(url)] as const
    t.teardown(() => {
      for (const session of sessions) session.destroy()
    })
    for (const session of sessions) {
      session.on('error', () => undefined)
      t.equal(await statusOver(session, '/livez'), 200)
    }
    const [, busy, stuck] = sessions
    const slow = statusOver(busy, '/slow')
    const never = statusOver(stuck, '/never')
    await delay(100)
    const elapsedMs = startStopwatch()
    await app.close()
    t.equal(await slow, 200)
    t.not(await never, 200)
    t.ok(elapsedMs() < 15_000, 'long before the time that Fastify gives a silent session')
  },
)

t.test(
  'a shutdown with a delay that is none is refused before it begins, and can be asked for again',
  async (t) => {
    const { app } = await openApp(t)
    await app.listen({ port: 0, host: '127.0.0.1' })
    const unchecked: { shutdown(options: object): Promise<unknown> } = app.healthChecks
    for (const drainDelayMs of ['1', -1, Number.NaN, Infinity, 1e12]) {
      const shutdown = async (): Promise<unknown> => unchecked.shutdown({ drainDelayMs })
      await t.rejects(shutdown, { code: 'STAY_HEALTH_OPTION_INVALID' }, String(drainDelayMs))
      t.equal(app.healthChecks.phase, 'ready')
    }
    await app.healthChecks.shutdown({ drainDelayMs: 0 })
    t.equal(app.server.listening, false)
  },
)
