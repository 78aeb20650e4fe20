import { startFaultProxy, startRedisServer, type RedisServer } from '@stayfast/test-kit'
import t, { type Test } from 'tap'
import type { RedisConnectionOptions, Role } from '../dist/index.js'
import { reaches, startApp } from './support/app.js'

/** What a start with these roles in use sends, until all of them are up. */
function startCost(
  t: Test,
  server: RedisServer,
  options: RedisConnectionOptions = {},
  ...roles: Role[]
): Promise<Record<string, number>> {
  return server.countCommands(async () => {
    const { app } = await startApp(t, { url: server.url, heartbeatMs: false, ...options })
    for (const role of roles) await reaches(app.redisConnection.link(role), 'up')
  })
}

t.test('a connection costs 4 commands: HELLO, a name, INFO, TIME', async (t) => {
  const server = await startRedisServer({ password: 'right' }, t)
  t.strictSame(await startCost(t, server), { client: 1, hello: 1, info: 1, time: 1 })
})

t.test('a role with a database of its own costs a connection more, with a SELECT', async (t) => {
  const server = await startRedisServer({}, t)
  t.strictSame(await startCost(t, server, {}, 'cache', 'queue'), {
    client: 2,
    hello: 2,
    info: 2,
    select: 1,
    time: 2,
  })
})

t.test('on a provider that bills by the command a connection costs 3, and all roles share it', async (t) => {
  const server = await startRedisServer({ upstashLike: true, password: 'right' }, t)
  const cost = await startCost(t, server, { provider: 'upstash', tls: false }, 'cache', 'queue', 'webhook')
  t.strictSame(cost, { hello: 1, info: 1, time: 1 })
})

t.test(
  'an idle minute costs 75 commands or less, and one on a provider that bills by the command',
  async (t) => {
    const server = await startRedisServer({}, t)
    const { app } = await startApp(t, { url: server.url })
    // A twelfth of a minute of the real thing; the rest is arithmetic.
    const counts = await server.countCommands(() => new Promise((resolve) => setTimeout(resolve, 5000)))
    const { time, ...others } = counts
    t.strictSame(others, {})
    t.ok(Number(time) >= 4 && Number(time) * 12 <= 84, `${time} in 5 s`)
    await app.close()

    const billed = await startApp(t, { url: server.url, provider: 'upstash', tls: false })
    await reaches(billed.link, 'up')
    const sparing = await server.countCommands(() => new Promise((resolve) => setTimeout(resolve, 5000)))
    t.strictSame(sparing, {}, 'its heartbeat is one TIME a minute')
  },
)

t.test('a reconnect costs what a connection costs', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const { app } = await startApp(t, { url: proxy.url(server.url), heartbeatMs: false })
  const queue = app.redisConnection.link('queue')
  await reaches(queue, 'up')
  const counts = await server.countCommands(async () => {
    proxy.resetAll()
    await Promise.all([reaches(queue, 'down'), reaches(app.redisConnection.link(), 'down')])
    await Promise.all([reaches(queue, 'up'), reaches(app.redisConnection.link(), 'up')])
  })
  // ioredis selects the database that it knows by now, and the link makes sure of it.
  t.strictSame(counts, { client: 2, hello: 2, info: 2, select: 2, time: 2 })
})
