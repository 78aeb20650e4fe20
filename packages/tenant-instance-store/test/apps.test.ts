import { startProcess, startRedisServer, type ManagedProcess } from '@stayfast/test-kit'
import t, { type Test } from 'tap'

const listening = /Server listening at (http:\/\/127\.0\.0\.1:\d+)/

async function startApp(
  t: Test,
  name: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ process: ManagedProcess; url: string }> {
  const process = await startProcess(
    new URL(`apps/${name}.js`, import.meta.url),
    { env: { ...env, PORT: '0' }, readyWhen: listening },
    t,
  )
  const url = listening.exec(await process.waitForLine(listening))?.[1] ?? ''
  return { process, url }
}

async function install(url: string, body: object): Promise<unknown> {
  const response = await fetch(`${url}/installed`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return response.json()
}

async function shop(url: string, id: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${url}/api/${id}/shop`)
  return { status: response.status, body: await response.json() }
}

const merchant = { id: 'a', shop: 'one.example.test', accessToken: 'shpat_secret' }
const notFound = { status: 404, body: { code: 'STAY_INSTANCE_NOT_FOUND', message: 'Instance not found' } }

t.test('an app that has @fastify/redis still knows its merchants after kill -9', async (t) => {
  const server = await startRedisServer({}, t)
  const first = await startApp(t, 'with-fastify-redis', { REDIS_URL: server.url })
  t.strictSame(await install(first.url, merchant), { durability: 'redis', created: true })
  t.equal(await server.command('ttl', 'instance:a'), 30 * 86_400)
  await first.process.kill('SIGKILL')

  const [second, third] = await Promise.all([
    startApp(t, 'with-fastify-redis', { REDIS_URL: server.url }),
    startApp(t, 'with-fastify-redis', { REDIS_URL: server.url }),
  ])
  for (const { url, process } of [second, third]) {
    t.strictSame(await shop(url, 'a'), { status: 200, body: { shop: 'one.example.test' } })
    t.match(await shop(url, 'b'), notFound)
    const output = process.lines.map(({ text }) => text).join('\n')
    t.match(output, '"tenant-instance-store: redis (')
    t.notMatch(output, 'shpat_secret')
  }
})

t.test('an app without Redis knows its merchants while it runs, and says what it lacks', async (t) => {
  const { url, process } = await startApp(t, 'without-redis')
  t.strictSame(await install(url, merchant), { durability: 'buffered', created: true })
  t.strictSame(await shop(url, 'a'), { status: 200, body: { shop: 'one.example.test' } })
  t.match(await shop(url, 'b'), notFound)
  t.ok(process.lines.some(({ text }) => text.includes('memory; set REDIS_URL to share and keep it')))
})
