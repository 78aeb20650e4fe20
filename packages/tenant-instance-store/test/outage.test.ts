import { eventually, freePort, startRedisServer, startStopwatch } from '@stayfast/test-kit'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import tenantInstanceStore, { type TenantInstanceStoreOptions } from '../dist/index.js'

/** The link's deadline, and what a busy machine adds to it. */
const deadlineMs = 1000
const slackMs = 500

async function createApp(
  t: Test,
  url: string,
  options: TenantInstanceStoreOptions = {},
  stream?: { write(line: string): void },
): Promise<FastifyInstance> {
  const client = new Redis(url, { lazyConnect: true })
  const app = stream === undefined ? Fastify() : Fastify({ logger: { level: 'info', stream } })
  app.register(tenantInstanceStore, { redis: client, retryAfterSeconds: 7, ...options })
  app.register(async (app) => {
    app.get(
      '/api/:instanceId',
      { preHandler: app.tenantInstances.require },
      async (request) => request.tenantInstance,
    )
  })
  t.teardown(() => app.close())
  await app.ready()
  return app
}

/** Timed, because an answer that comes late is no answer. */
async function ask(
  app: FastifyInstance,
  id: string,
): Promise<{ response: Awaited<ReturnType<typeof app.inject>>; tookMs: number }> {
  const elapsedMs = startStopwatch()
  const response = await app.inject(`/api/${id}`)
  return { response, tookMs: elapsedMs() }
}

for (const [fault, hurt] of [
  ['killed', (server) => server.kill()],
  ['frozen', (server) => server.freeze()],
] as const satisfies [string, (server: Awaited<ReturnType<typeof startRedisServer>>) => unknown][]) {
  t.test(
    `with Redis ${fault} a known instance is served, another is unknown: 503 within the deadline, never 404`,
    async (t) => {
      const server = await startRedisServer({}, t)
      const app = await createApp(t, server.url)
      await app.tenantInstances.save({ id: 'known' })
      t.equal((await ask(app, 'known')).response.statusCode, 200)
      await hurt(server)
      for (let round = 0; round < 10; round += 1) {
        const known = await ask(app, 'known')
        t.equal(known.response.statusCode, 200)
        const { response, tookMs } = await ask(app, 'unknown')
        t.equal(response.statusCode, 503)
        t.match(response.json(), {
          statusCode: 503,
          code: 'STAY_INSTANCE_UNKNOWN',
          error: 'Service Unavailable',
        })
        t.equal(response.headers['retry-after'], '7')
        t.ok(known.tookMs < deadlineMs + slackMs && tookMs < deadlineMs + slackMs, `${Math.round(tookMs)} ms`)
        if (round > 0) t.ok(tookMs < slackMs, 'after the first the others do not wait')
      }
      const away = { statusCode: 503, canRetry: true, headers: { 'retry-after': '7' } }
      await t.rejects(app.tenantInstances.list(), { code: 'STAY_INSTANCE_UNKNOWN', ...away })
      await t.rejects(app.tenantInstances.update('unknown', {}), { code: 'STAY_INSTANCE_UNKNOWN', ...away })
      t.strictSame(await app.tenantInstances.save({ id: 'new' }), { durability: 'buffered', created: true })
      t.equal((await ask(app, 'new')).response.statusCode, 200)
      if (server.running) server.thaw()
    },
  )
}

t.test("with onOutage 'reject' a write without an answer may have been made, and says so", async (t) => {
  const server = await startRedisServer({}, t)
  const app = await createApp(t, server.url, { onOutage: 'reject' })
  await app.tenantInstances.save({ id: 'a' })
  server.freeze()
  await t.rejects(app.tenantInstances.save({ id: 'a', late: true }), {
    code: 'STAY_INSTANCE_NOT_WRITTEN',
    outcome: 'unknown',
    message: /may have been written, or may still be/,
    cause: { code: 'STAY_REDIS_UNAVAILABLE' },
  })
  server.thaw()
  await eventually(async () => (await ask(app, 'a')).response.statusCode === 200)
})

t.test('an app that ends while Redis is away says how many accepted writes it takes along', async (t) => {
  const server = await startRedisServer({}, t)
  const lines: string[] = []
  const app = await createApp(t, server.url, {}, { write: (line: string) => void lines.push(line) })
  await server.kill()
  await eventually(async () => (await ask(app, 'x')).response.statusCode === 503)
  await app.tenantInstances.save({ id: 'a' })
  await app.close()
  t.match(lines.join(''), /1 accepted writes are lost/)
})

t.test('an app whose Redis is down starts, answers 503, and picks Redis up when it appears', async (t) => {
  const port = await freePort()
  const elapsedMs = startStopwatch()
  const app = await createApp(t, `redis://127.0.0.1:${port}`)
  t.ok(elapsedMs() < 1000)
  const { response, tookMs } = await ask(app, 'a')
  t.equal(response.statusCode, 503)
  t.ok(tookMs < slackMs)
  await startRedisServer({ port }, t)
  await eventually(async () => (await ask(app, 'a')).response.statusCode === 404)
  t.match(await app.tenantInstances.save({ id: 'a' }), { durability: 'redis' })
  t.equal((await ask(app, 'a')).response.statusCode, 200)
})
