import { startProcess, startRedisServer, type ManagedProcess } from '@stayfast/test-kit'
import t, { type Test } from 'tap'

const listening = /Server listening at (http:\/\/127\.0\.0\.1:\d+)/

async function startApp(
  t: Test,
  name: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ child: ManagedProcess; url: string }> {
  const child = await startProcess(
    new URL(`apps/${name}.js`, import.meta.url),
    { env: { ...env, PORT: '0' }, readyWhen: listening },
    t,
  )
  return { child, url: listening.exec(await child.waitForLine(listening))?.[1] ?? '' }
}

async function body(url: string): Promise<string> {
  return (await fetch(url)).text()
}

t.test('a fresh app tells its health, its metrics, and ends in order', async (t) => {
  const server = await startRedisServer({}, t)
  const { child, url } = await startApp(t, 'fresh-app', { REDIS_URL: server.url })
  t.match(
    await body(`${url}/api/v1/health`),
    /^\{"status":"ok","redis":\{"status":"healthy","latency":"\d+ms","connected":true\}\}$/,
  )
  t.equal(await body(`${url}/readyz`), '{"status":"ready"}')
  t.match(await body(`${url}/metrics`), 'redis_up{role="default"} 1')
  t.equal((await child.kill('SIGINT')).code, 0)
  const output = child.lines.map(({ text }) => text).join('\n')
  t.match(output, 'health: watches redis (default: local)')
})

t.test('without Redis it starts as well', async (t) => {
  const { url } = await startApp(t, 'fresh-app', { REDIS_URL: '' })
  t.equal(
    await body(`${url}/api/v1/health`),
    '{"status":"ok","redis":{"status":"disabled","latency":null,"connected":false}}',
  )
})

t.test('an app that has @fastify/redis needs nothing else', async (t) => {
  const server = await startRedisServer({}, t)
  const { url } = await startApp(t, 'with-fastify-redis', { REDIS_URL: server.url })
  t.match(await body(`${url}/api/v1/health`), /^\{"status":"ok","redis":\{"status":"healthy"/)
})
