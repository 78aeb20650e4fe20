import { freePort, startProcess, type ManagedProcess, type ProcessOptions } from '@stayfast/test-kit'
import { connect } from 'node:net'
import { availableParallelism, loadavg } from 'node:os'
import { performance } from 'node:perf_hooks'
import t, { type Test } from 'tap'

const SERVER = new URL('../dist/server.js', import.meta.url)
const READY = /^Storefront is ready: (http:\S+)$/
const PATIENCE_MS = 60_000
const PASSWORD = 'the password of the demo'

/** None of the variables of the machine that runs the tests, nor the test runner's own loaders. */
const clean = Object.fromEntries(
  [
    ...[
      'REDIS_URL',
      'REDIS_HOST',
      'DATABASE_URL',
      'DATA_DIR',
      'APP_SECRET',
      'SESSION_SECRET',
      'NODE_ENV',
      'HOST',
      'DEMO_PASSWORD',
    ],
    ...['NODE_OPTIONS', 'NODE_V8_COVERAGE'],
  ].map((name) => [name, undefined]),
)

async function start(
  t: Test,
  env: ProcessOptions['env'] = {},
): Promise<{ server: ManagedProcess; address: string; startMs: number }> {
  const startedMs = performance.now()
  const server = await startProcess(
    SERVER,
    {
      env: { ...clean, PORT: '0', DEMO_PASSWORD: PASSWORD, RATE_LIMIT_MAX: '0', ...env },
      readyWhen: READY,
      timeoutMs: PATIENCE_MS,
    },
    t,
  )
  const startMs = performance.now() - startedMs
  const line = await server.waitForLine(READY)
  return { server, address: READY.exec(line)?.[1] ?? '', startMs }
}

function signIn(address: string): Promise<Response> {
  return fetch(new URL('/auth/login', address), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: 'vendor-1@demo.test', password: PASSWORD }),
  })
}

/** Sends what no client would, and reads until the server closes the connection. */
async function sendRaw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(request)
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  return answer
}

function cookiesOf({ headers }: Response): string {
  return headers
    .getSetCookie()
    .map((cookie) => cookie.split(';', 1).join())
    .join('; ')
}

async function refused(t: Test, env: ProcessOptions['env'], line: RegExp): Promise<void> {
  const server = await startProcess(SERVER, { env: { ...clean, PORT: '0', ...env } }, t)
  t.same(await server.exited, { code: 1, signal: null }, line.source)
  t.equal(server.stderr.length, 1)
  t.match(server.stderr[0], line)
}

t.test('the server starts, serves and ends', async (t) => {
  const directory = t.testdir()
  const port = await freePort()
  const { server, address, startMs } = await start(t, {
    DATA_DIR: directory,
    PORT: String(port),
    LOG_LEVEL: 'debug',
  })

  t.test('it is ready within 3 s, and its last start line names the page to open', async (t) => {
    // Where the processors have more work than they can do, each process gets its share of them.
    const [load = 1] = loadavg()
    const limitMs = 3_000 * Math.max(1, (2 * load) / availableParallelism())
    t.comment(`ready after ${Math.round(startMs)} ms, ${Math.round(limitMs)} ms allowed`)
    t.ok(startMs < limitMs)
    t.equal(address, `http://127.0.0.1:${port}/dashboard?instance=00000000-0000-4000-8000-000000000001`)
    t.match(server.stdout.at(-1), READY)
    t.equal((await fetch(address)).status, 200)
    const login = await signIn(address)
    t.match(await login.json(), { userId: 'demo-vendor-1' })
    const products = await fetch(new URL('/api/00000000-0000-4000-8000-000000000001/products', address), {
      headers: { cookie: cookiesOf(login) },
    })
    t.match(await products.json(), [{ id: 'p-1-1' }])
  })

  t.test('a second process is refused its port and its data, each with what to do', async (t) => {
    await refused(t, { PORT: String(port) }, /^SHOP_ADDRESS_IN_USE: .*PORT=0/)
    await refused(t, { DATA_DIR: directory }, /^SHOP_DATA_DIR_IN_USE: .*DATABASE_URL/)
  })

  t.test('what cannot be read as HTTP is refused in the shape of every error', async (t) => {
    for (const [request, statusCode] of [
      [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: shop\r\n\r\n`, 431],
      ['GET / HTTP/1.1\r\nHost: shop\r\nno header\r\n\r\n', 400],
    ] as const) {
      const answer = await sendRaw(port, request)
      t.match(answer, new RegExp(`^HTTP/1.1 ${statusCode} .*\r\n`))
      t.match(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))), {
        statusCode,
        code: /^SHOP_/,
        error: String,
        message: String,
      })
    }
  })

  t.test('its log is one JSON object a line, without the query of any request', async (t) => {
    await fetch(new URL('/nowhere?instance=secret-token', address))
    await server.waitForLine(/"path":"\/nowhere"/)
    const log = server.stdout.filter((line) => !READY.test(line))
    for (const line of log) t.doesNotThrow(() => void JSON.parse(line))
    t.notMatch(server.stdout.join('\n'), 'secret-token')
    t.equal(log.filter((line) => line.includes('SESSION_SECRET')).length, 1)
  })

  t.test('SIGTERM ends it in good order', async (t) => {
    t.same(await server.kill('SIGTERM'), { code: 0, signal: null })
    t.same(server.stderr, [])
  })
})

t.test(
  'in production it starts with its secrets, names no instance to open, and ends by SIGINT',
  async (t) => {
    const { server, address } = await start(t, {
      NODE_ENV: 'production',
      APP_SECRET: 'the secret of the app',
      SESSION_SECRET: 'a-secret-of-at-least-thirty-two-characters',
    })
    t.match(address, /^http:\/\/127\.0\.0\.1:\d+\/$/)
    t.same(await server.kill('SIGINT'), { code: 0, signal: null })
  },
)

t.test('a wrong configuration is one line with a code and what to do, and no password', async (t) => {
  await refused(t, { NODE_ENV: 'production' }, /^SHOP_SESSION_SECRET_MISSING: .*openssl rand/)
  await refused(t, { PORT: 'http' }, /^SHOP_CONFIG_INVALID: .*PORT/)
  const nobody = 'postgres://shop:hunter2@127.0.0.1:1/shop'
  await refused(t, { DATABASE_URL: nobody }, /^SHOP_CATALOGUE_UNAVAILABLE: (?!.*hunter2)/)
  await refused(t, { REDIS_URL: 'https://eu1.upstash.io' }, /^STAY_REDIS_/)
  await refused(t, { HOST: '192.0.2.1' }, /^SHOP_ADDRESS_UNUSABLE: .*EADDRNOTAVAIL.*HOST/)
})

t.test('an outage is told once, however many requests are refused', async (t) => {
  const { server, address } = await start(t, { REDIS_URL: `redis://127.0.0.1:${await freePort()}` })
  for (let count = 0; count < 30; count += 1) t.equal((await signIn(address)).status, 503)
  const isTrouble = (line: string): boolean =>
    /"level":(?:40|50|60)/.test(line) && !line.includes('SESSION_SECRET')
  t.match(server.stdout.filter(isTrouble), [/redis \(local\), not reached/, /Redis is away/])
  t.equal(server.stdout.filter(isTrouble).length, 2)
  t.same(server.stderr, [])
})
