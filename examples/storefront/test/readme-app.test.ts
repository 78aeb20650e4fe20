import { eventually, startProcess, startRedisServer } from '@stayfast/test-kit'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const readme = await readFile(new URL('../../../README.md', import.meta.url), 'utf8')
const app = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
// Beside the compiled tests, from where the packages are found.
const file = fileURLToPath(new URL('readme-app.mjs', import.meta.url))

t.test("the README's app does what the README says of it", async (t) => {
  await writeFile(file, app)
  t.ok(app.trimEnd().split('\n').length <= 20, 'it is short')
  const server = await startRedisServer({ appendOnly: true }, t)
  const process = await startProcess(
    file,
    { env: { REDIS_URL: server.url, PORT: '0' }, readyWhen: /Server listening at/ },
    t,
  )
  const line = process.lines.find(({ text }) => text.includes('Server listening at'))?.text ?? ''
  const url = /http:\/\/127\.0\.0\.1:\d+|http:\/\/\[::1\]:\d+/.exec(line)?.[0] ?? ''
  const install = async (id: string): Promise<unknown> => {
    const response = await fetch(`${url}/installed`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ id, shop: `${id}.example.test` }),
    })
    return response.json()
  }
  const shop = async (id: string): Promise<number> => (await fetch(`${url}/api/${id}/shop`)).status
  const health = async (): Promise<unknown> => (await fetch(`${url}/health`)).json()

  t.match(await health(), { status: 'healthy', connected: true })
  t.match(await install('known'), { durability: 'redis' })
  t.equal(await shop('known'), 200)
  t.equal(await shop('unknown'), 404)

  await server.kill()
  await eventually(async () => (await shop('unknown')) === 503, { withinMs: 5000 })
  t.equal(await shop('known'), 200)
  t.match(await install('new'), { durability: 'buffered' })
  t.equal(await shop('new'), 200)
  t.match(await health(), { status: 'unhealthy', connected: false })
  await process.waitForLine(/Redis is away/)

  await server.restart({ keepData: true })
  await process.waitForLine(/Redis is back after/)
  await eventually(async () => (await server.command('HGET', 'instance:new', 'json')) !== null, {
    withinMs: 5000,
  })
  t.match(await health(), { status: 'healthy', connected: true })
})
