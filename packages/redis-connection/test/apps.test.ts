import { eventually, freePort, startProcess, startRedisServer } from '@stayfast/test-kit'
import { readFile } from 'node:fs/promises'
import t, { type Test } from 'tap'

const listening = /Server listening at (http:\/\/127\.0\.0\.1:\d+)/

async function startFreshApp(t: Test, env: Readonly<Record<string, string>>): Promise<string> {
  const app = await startProcess(
    new URL('apps/fresh-app.js', import.meta.url),
    { env: { ...env, PORT: '0' }, readyWhen: listening },
    t,
  )
  return listening.exec(await app.waitForLine(listening))?.[1] ?? ''
}

async function get(url: string): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(url)
  return { status: response.status, body: await response.json() }
}

t.test(
  'a fresh app counts in Redis, answers 503 while it is away, and goes on when it is back',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const url = await startFreshApp(t, { REDIS_URL: server.url })
    t.strictSame(await get(`${url}/visits`), { status: 200, body: { visits: 1 } })
    t.match(await get(`${url}/health`), { status: 200, body: { status: 'healthy', connected: true } })
    await server.kill()
    await eventually(async () => {
      const { status, body } = await get(`${url}/visits`)
      t.match(body, { statusCode: 503, code: 'STAY_REDIS_UNAVAILABLE' })
      return status === 503
    })
    t.match(await get(`${url}/health`), { status: 200, body: { status: 'unhealthy', connected: false } })
    await server.restart({ keepData: true })
    await eventually(async () => (await get(`${url}/visits`)).status === 200, { withinMs: 3000 })
    t.match(await get(`${url}/visits`), { body: { visits: 3 } })
  },
)

t.test('the same app starts without Redis, configured and down or not configured', async (t) => {
  const down = await startFreshApp(t, { REDIS_URL: `redis://127.0.0.1:${await freePort()}` })
  t.match(await get(`${down}/health`), { status: 200, body: { status: 'unhealthy' } })
  const none = await startFreshApp(t, { REDIS_URL: '' })
  t.match(await get(`${none}/health`), { status: 200, body: { status: 'disabled' } })
  t.match(await get(`${none}/visits`), { status: 503, body: { code: 'STAY_REDIS_UNAVAILABLE' } })
})

t.test('the README shows this very app', async (t) => {
  const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8')
  const app = await read('../test/apps/fresh-app.ts')
  t.ok(app.trimEnd().split('\n').length <= 15, 'it is short')
  t.ok((await read('../README.md')).includes(`\`\`\`ts\n${app}\`\`\``))
})
