import { readFile } from 'node:fs/promises'
import { reaches, startRedisServer, startStopwatch } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import t from 'tap'
import { VisitCounter } from './apps/visit-counter.js'

t.test('the store of the README counts, and does not make its caller wait while Redis is away', async (t) => {
  const server = await startRedisServer({}, t)
  const client = new Redis(server.url)
  client.on('error', () => undefined)
  const visits = new VisitCounter(client)
  t.teardown(async () => {
    await visits.link.close()
    client.disconnect()
  })
  await reaches(visits.link, 'up')
  t.equal(await visits.count('tenant:1'), 1)
  t.equal(await server.command('get', 'visits:tenant%003a1'), '1')
  await Promise.all([reaches(visits.link, 'down'), server.kill()])
  const elapsedMs = startStopwatch()
  t.equal(await visits.count('tenant:1'), undefined)
  t.ok(elapsedMs() < 50)
})

t.test('the README shows this very store, and names test files that exist', async (t) => {
  const read = (path: string): Promise<string> => readFile(new URL(`../${path}`, import.meta.url), 'utf8')
  const readme = await read('README.md')
  t.ok(readme.includes(`\`\`\`ts\n${await read('test/apps/visit-counter.ts')}\`\`\``))
  for (const [, path = ''] of readme.matchAll(/`(test\/[\w./-]+\.ts)`/g)) await t.resolves(read(path), path)
})

t.test('each promise of the outbox and the bus names a test that exists', async (t) => {
  const read = (path: string): Promise<string> => readFile(new URL(`../${path}`, import.meta.url), 'utf8')
  const readme = await read('README.md')
  let promises = 0
  for (const [title, common] of [
    ['Outbox', 'test/outbox.test.ts'],
    ['Bus', undefined],
  ] as const) {
    const start = readme.indexOf(`\n## ${title}\n`)
    const section = readme.slice(start, readme.indexOf('\n## ', start + 1)).split('\n')
    const table = section.slice(section.findIndex((line) => line.startsWith('| promise')) + 2)
    for (const row of table.filter((line) => line.startsWith('| '))) {
      promises += 1
      const proof = row.split('|').at(-2)?.trim() ?? ''
      const [, path = common, name = proof] = /^`(test\/[\w-]+\.test\.ts)`[:,] (.+)$/.exec(proof) ?? []
      t.ok(path !== undefined && (await read(path)).includes(name), `${String(path)}: ${name}`)
    }
  }
  t.ok(promises >= 10, `${promises} promises`)
})
