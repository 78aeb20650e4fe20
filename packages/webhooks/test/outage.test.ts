import redisConnection from '@stayfast/redis-connection'
import { eventually, freePort, startRedisServer, type RedisServer, startStopwatch } from '@stayfast/test-kit'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import webhooks, { hmac, type WebhooksOptions } from '../dist/index.js'
import { signedEvent, testSecret, type EventToSend } from './signed-event.js'

/** Once the link has left `up`, an answer takes no longer than this; the promise is 50 ms. */
const promptMs = 50
/** The deadline of a command, and what a busy machine adds to it. */
const deadlineMs = 1000
const slackMs = 1500

interface Started {
  readonly app: FastifyInstance
  readonly handled: string[]
  readonly lines: () => string
}

async function startApp(
  t: Test,
  urls: { readonly queue: string; readonly webhook?: string },
  options: Partial<WebhooksOptions> = {},
): Promise<Started> {
  const lines: string[] = []
  const handled: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  const app = Fastify({ logger: { level: 'info', stream } })
  app.register(redisConnection, {
    url: urls.queue,
    env: { REDIS_WEBHOOK_URL: urls.webhook },
  })
  app.register(webhooks, {
    providers: { generic: hmac({ secrets: testSecret }) },
    env: false,
    backoffDelayMs: 20,
    leaseSeconds: 1,
    claimSeconds: 0.5,
    ...options,
  })
  app.after(() => {
    app.webhooks.on('generic', '*', ({ id }) => void handled.push(id))
  })
  t.teardown(() => app.close())
  await app.ready()
  return { app, handled, lines: () => lines.join('') }
}

async function send(
  app: FastifyInstance,
  event: EventToSend,
): Promise<{
  readonly status: number
  readonly tookMs: number
  readonly body: unknown
  readonly retryAfter: unknown
}> {
  const elapsedMs = startStopwatch()
  const response = await app.inject(signedEvent(event))
  return {
    status: response.statusCode,
    tookMs: elapsedMs(),
    body: response.json(),
    retryAfter: response.headers['retry-after'],
  }
}

/** So many runs, and the queue knows of their ends: else they are repeated after an outage, as they may. */
async function handledAll(app: FastifyInstance, handled: readonly string[], count: number): Promise<void> {
  await eventually(
    async () => {
      const { queue } = await app.webhooks.stats()
      if (handled.length === count && queue.active === 0) return
      throw new Error(`handled ${handled.join(' ')}; ${JSON.stringify(queue)}`)
    },
    { withinMs: 30_000 },
  )
}

async function linkUp(app: FastifyInstance): Promise<void> {
  const links = [app.redisConnection.link('queue'), app.redisConnection.link('webhook')]
  await eventually(() => links.every(({ status }) => status === 'up'), { withinMs: 15_000 })
}

for (const [fault, hurt, mend] of [
  ['killed', (server) => server.kill(), (server) => server.restart({ keepData: true })],
  ['frozen', async (server) => server.freeze(), async (server) => server.thaw()],
] as const satisfies [
  string,
  (server: RedisServer) => Promise<void>,
  (server: RedisServer) => Promise<void>,
][]) {
  t.test(
    `with Redis ${fault} webhooks are 503 within 50 ms, and taken and handled when it is back`,
    async (t) => {
      const server = await startRedisServer({ appendOnly: true }, t)
      const { app, handled, lines } = await startApp(t, { queue: server.url })
      await linkUp(app)
      t.match(await send(app, { id: 'before' }), { status: 202 })
      await handledAll(app, handled, 1)
      await hurt(server)
      const first = await send(app, { id: 'during' })
      t.equal(first.status, 503)
      t.ok(first.tookMs < deadlineMs + slackMs, `the first took ${Math.round(first.tookMs)} ms`)
      await eventually(() => app.redisConnection.link('queue').status !== 'up')
      const times: number[] = []
      for (let round = 0; round < 20; round += 1) {
        const { status, tookMs, body, retryAfter } = await send(app, { id: 'during' })
        t.equal(status, 503)
        t.match(body, { code: 'STAY_WEBHOOK_UNAVAILABLE', error: 'Service Unavailable' })
        t.equal(retryAfter, '5')
        times.push(tookMs)
      }
      const median = times.sort((one, other) => one - other)[10] ?? Infinity
      t.ok(median < promptMs, `in the middle ${median.toFixed(1)} ms`)
      await t.rejects(app.webhooks.stats(), { code: 'STAY_WEBHOOK_UNAVAILABLE' })
      await t.rejects(app.webhooks.deadLetters.list(), { code: 'STAY_WEBHOOK_UNAVAILABLE' })
      t.equal((await app.inject(signedEvent({ secret: 'another' }))).statusCode, 401)

      await mend(server)
      await linkUp(app)
      await eventually(async () => {
        const { status } = await send(app, { id: 'during' })
        return status === 202 || status === 200
      })
      t.equal((await send(app, { id: 'before' })).status, 200, 'what was accepted is remembered')
      await handledAll(app, handled, 2)
      t.strictSame(handled, ['before', 'during'])
      t.notMatch(lines(), 'STAY_WEBHOOK_UNAVAILABLE', 'and the log is not full of it')
    },
  )
}

t.test('an app whose Redis is down starts, answers 503, and takes webhooks when it appears', async (t) => {
  const port = await freePort()
  const elapsedMs = startStopwatch()
  const { app, handled } = await startApp(t, { queue: `redis://127.0.0.1:${port}` })
  t.ok(elapsedMs() < 3000)
  const { status, tookMs } = await send(app, { id: '1' })
  t.equal(status, 503)
  t.ok(tookMs < slackMs)
  await startRedisServer({ port }, t)
  await eventually(async () => (await send(app, { id: '1' })).status === 202, { withinMs: 15_000 })
  await eventually(() => handled.length === 1, { withinMs: 15_000 })
})

t.test('an app closes within its bound while Redis is away, killed or frozen', async (t) => {
  for (const frozen of [true, false]) {
    const server = await startRedisServer({}, t)
    const { app } = await startApp(t, { queue: server.url }, { closeSeconds: 2 })
    if (frozen) server.freeze()
    else await server.kill()
    await eventually(() => app.redisConnection.link('queue').status !== 'up')
    const elapsedMs = startStopwatch()
    await app.close()
    t.ok(elapsedMs() < 8000, `${Math.round(elapsedMs())} ms`)
    if (frozen) server.thaw()
  }
})

t.test(
  'Redis restarted empty: what is new is taken and handled, what was accepted may come again',
  async (t) => {
    const server = await startRedisServer({}, t)
    const { app, handled } = await startApp(t, { queue: server.url })
    t.equal((await send(app, { id: '1' })).status, 202)
    await handledAll(app, handled, 1)
    await server.restart()
    await linkUp(app)
    await eventually(async () => (await send(app, { id: '2' })).status === 202)
    await eventually(async () => (await send(app, { id: '1' })).status === 202)
    await eventually(() => handled.length === 3, { withinMs: 15_000 })
    t.strictSame(handled.sort(), ['1', '1', '2'], 'its idempotency token is the same')
  },
)

t.test('a full server answers 503, and takes webhooks when there is room again', async (t) => {
  const server = await startRedisServer({}, t)
  const { app, handled, lines } = await startApp(t, { queue: server.url })
  t.equal((await send(app, { id: '1' })).status, 202)
  await handledAll(app, handled, 1)
  await server.fillMemory()
  const { status, body, tookMs } = await send(app, { id: '2' })
  t.equal(status, 503)
  t.match(body, { code: 'STAY_WEBHOOK_UNAVAILABLE' })
  t.ok(tookMs < slackMs)
  t.equal(app.redisConnection.link('queue').status, 'up')
  await server.freeMemory()
  await eventually(async () => (await send(app, { id: '2' })).status === 202)
  await eventually(() => handled.length === 2, { withinMs: 15_000 })
  t.notMatch(lines(), 'unhandled')
})

t.test('while one of two servers is away webhooks are 503, and nothing is claimed in vain', async (t) => {
  const queue = await startRedisServer({}, t)
  const receipts = await startRedisServer({}, t)
  const { app, handled } = await startApp(t, { queue: queue.url, webhook: receipts.url })
  await send(app, { id: '1' })
  await eventually(() => handled.length === 1)
  const sizes = async (): Promise<string> =>
    String(await receipts.command('info', 'keyspace')).replace(/\s+/g, ' ')
  t.match(await sizes(), /db\d+:keys=1/, 'receipts lie apart')

  await receipts.kill()
  await eventually(() => app.redisConnection.link('webhook').status !== 'up')
  t.equal((await send(app, { id: '2' })).status, 503)
  await receipts.restart()
  await linkUp(app)

  await queue.kill()
  await eventually(() => app.redisConnection.link('queue').status !== 'up')
  const sent = await receipts.countCommands(async () => {
    t.equal((await send(app, { id: '3' })).status, 503)
  })
  t.notOk(sent['evalsha'] ?? sent['eval'], 'nothing is claimed')
  await queue.restart()
  await linkUp(app)
  await eventually(async () => (await send(app, { id: '3' })).status === 202)
  await eventually(() => handled.includes('3'), { withinMs: 15_000 })
})
