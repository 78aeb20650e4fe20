import { startProcess, startRedisServer } from '@stayfast/test-kit'
import t from 'tap'

const listening = /Server listening at (http:\/\/127\.0\.0\.1:\d+)/

t.test('an app that has @fastify/redis caches its routes, and is right after an edit', async (t) => {
  const server = await startRedisServer({}, t)
  const process = await startProcess(
    new URL('apps/with-fastify-redis.js', import.meta.url),
    { env: { REDIS_URL: server.url, PORT: '0' }, readyWhen: listening },
    t,
  )
  const url = `${listening.exec(await process.waitForLine(listening))?.[1] ?? ''}/shops`
  const get = async (): Promise<{ cache: string | null; body: unknown }> => {
    const response = await fetch(url)
    return { cache: response.headers.get('x-cache'), body: await response.json() }
  }
  t.match(await get(), { cache: 'MISS', body: { shops: ['old name'], queries: 1 } })
  t.match(await get(), { cache: 'HIT', body: { shops: ['old name'], queries: 1 } })
  const headers = { 'content-type': 'application/json' }
  await fetch(`${url}/1`, { method: 'PUT', headers, body: '{"name":"new name"}' })
  t.match(await get(), { cache: 'MISS', body: { shops: ['new name'], queries: 2 } })
  t.match(await get(), { cache: 'HIT', body: { shops: ['new name'], queries: 2 } })
  t.ok(process.lines.some(({ text }) => text.includes('tagged-cache: redis (')))
})

t.test('what bentocache did is done the same way', async (t) => {
  const process = await startProcess(
    new URL('apps/from-bentocache.js', import.meta.url),
    { env: {}, readyWhen: /^\[\{/ },
    t,
  )
  const line = await process.waitForLine(/^\[\{/)
  t.match(JSON.parse(line), [{ name: 'old name' }, { name: 'new name' }])
})
