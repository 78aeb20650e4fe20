import { startProcess, startRedisServer, type ManagedProcess } from '@stayfast/test-kit'
import t, { type Test } from 'tap'

const listening = /Server listening at (http:\/\/127\.0\.0\.1:\d+)/

interface App {
  readonly process: ManagedProcess
  readonly url: string
}

async function startApp(t: Test, redisUrl: string): Promise<App> {
  const process = await startProcess(
    new URL('apps/with-fastify-redis.js', import.meta.url),
    {
      env: { REDIS_URL: redisUrl, PORT: '0', RATE_LIMIT_MAX: '10' },
      readyWhen: listening,
      timeoutMs: 60_000,
    },
    t,
  )
  return { process, url: listening.exec(await process.waitForLine(listening))?.[1] ?? '' }
}

async function statuses(count: number, url: string, method = 'GET'): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < count; i += 1) {
    const response = await fetch(url, { method })
    await response.text()
    found.push(response.status)
  }
  return found
}

t.test(
  'two processes of the quick start share a limit, and a restart gives nobody a new one',
  { timeout: 120_000 },
  async (t) => {
    const server = await startRedisServer({}, t)
    const [one, other] = await Promise.all([startApp(t, server.url), startApp(t, server.url)])
    const found = [...(await statuses(6, one.url)), ...(await statuses(6, `${other.url}/nowhere`))]
    t.same(found, [...Array<number>(6).fill(200), ...Array<number>(4).fill(404), 429, 429])
    await Promise.all([one.process.kill('SIGKILL'), other.process.kill('SIGTERM')])
    const next = await startApp(t, server.url)
    t.same(await statuses(2, next.url), [429, 429])
    t.same(await statuses(12, `${next.url}/healthz`), Array(12).fill(200))
    t.same(await statuses(6, `${next.url}/login`, 'POST'), [...Array<number>(5).fill(200), 429])
  },
)
