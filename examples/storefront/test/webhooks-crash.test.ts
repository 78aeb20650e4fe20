import {
  eventually,
  startFaultProxy,
  startProcess,
  startRedisServer,
  type ManagedProcess,
} from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { type Order } from '../dist/dashboard/browser/api-types.js'
import { startPostgres } from './postgres-server.js'

const SERVER = new URL('../dist/server.js', import.meta.url)
const SENDER = new URL('../dist/bin/send-webhook.js', import.meta.url)
const READY = /^Storefront is ready: (http:\S+)$/
const PATIENCE_MS = 60_000
const PASSWORD = 'the password of the demo'
const own = '00000000-0000-4000-8000-000000000001'

// The test runner's own loaders are none of the programs' business.
const env = {
  NODE_OPTIONS: undefined,
  NODE_V8_COVERAGE: undefined,
  NODE_ENV: undefined,
  DATA_DIR: undefined,
  DEMO_PASSWORD: PASSWORD,
  SESSION_SECRET: 'the two processes of this test share this secret',
  WEBHOOK_SECRET_GENERIC: 'secret of the sender',
  RATE_LIMIT_MAX: '0',
  LOG_LEVEL: 'warn',
  PORT: '0',
}

async function start(
  t: Test,
  more: { REDIS_URL: string; DATABASE_URL: string },
): Promise<{ server: ManagedProcess; url: string }> {
  const server = await startProcess(
    SERVER,
    { env: { ...env, ...more }, readyWhen: READY, timeoutMs: PATIENCE_MS },
    t,
  )
  return { server, url: new URL('/', READY.exec(await server.waitForLine(READY))?.[1]).href }
}

/** The same event each time; the answer is what the script prints. */
async function send(t: Test, url: string): Promise<string | undefined> {
  const args = ['--url', url, '--webhook-id', 'w-1', '--id', 'thrice', '--product', 'p-1-90']
  const sender = await startProcess(SENDER, { args, env }, t)
  const { code } = await sender.exited
  t.equal(code, 0, sender.stderr.join('\n'))
  return sender.stdout[0]
}

async function ordersOf(url: string): Promise<Order[]> {
  const login = await fetch(new URL('/auth/login', url), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'vendor-1@demo.test', password: PASSWORD }),
  })
  const cookie = login.headers
    .getSetCookie()
    .map((each) => each.split(';', 1).join())
    .join('; ')
  const response = await fetch(new URL(`/api/${own}/orders?search=generic-thrice`, url), {
    headers: { cookie },
  })
  return (await response.json()) as Order[]
}

t.setTimeout(180_000)

t.test(
  'an order that is sent three times, its worker killed on it once, stands once in the orders',
  async (t) => {
    const redis = await startRedisServer({ appendOnly: true }, t)
    const postgres = await startPostgres(t)
    t.comment(`on ${postgres.kind}`)
    const wire = await startFaultProxy({ host: '127.0.0.1', port: Number(new URL(postgres.url).port) }, t)
    const queue = new Redis(redis.url, { db: 1 })
    t.teardown(() => {
      queue.disconnect()
    })

    const dying = await start(t, { REDIS_URL: redis.url, DATABASE_URL: wire.url(postgres.url) })
    // The handler gets no answer from its database, and is killed while it waits.
    wire.blackHole()
    t.equal(await send(t, dying.url), '202 {"status":"accepted"}')
    await eventually(async () => (await queue.llen('bull:webhooks:active')) === 1, { withinMs: 15_000 })
    t.same(await dying.server.kill('SIGKILL'), { code: null, signal: 'SIGKILL' })

    const { url } = await start(t, { REDIS_URL: redis.url, DATABASE_URL: postgres.url })
    t.equal(await send(t, url), '200 {"status":"duplicate"}')
    await eventually(async () => (await ordersOf(url)).length > 0, { withinMs: PATIENCE_MS, everyMs: 500 })
    t.equal(await send(t, url), '200 {"status":"duplicate"}')
    t.match(await ordersOf(url), [
      { id: 'generic-thrice', productId: 'p-1-90', quantity: 1, status: 'pending' },
    ])
    await eventually(async () => (await queue.llen('bull:webhooks:active')) === 0, { withinMs: 15_000 })
    t.equal((await ordersOf(url)).length, 1)
  },
)
