import { reaches, startRedisServer } from '@stayfast/test-kit'
import t from 'tap'
import { defineScript } from '../dist/index.js'
import { openLink } from './open-link.js'

// KEYS[1] a counter · ARGV[1] by how much · reply: its new value
const add = defineScript(`return redis.call('INCRBY', KEYS[1], ARGV[1])`, Number)

t.test('a script is one command; on a server that does not know it yet, two', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url, { heartbeatMs: false })
  await reaches(link, 'up')
  const first = await server.countCommands(async () => {
    t.equal(await link.run((client) => add.run(client, ['n'], [2])), 2)
  })
  t.strictSame(first, { evalsha: 1, eval: 1 })
  const second = await server.countCommands(async () => {
    t.equal(await link.run((client) => add.run(client, ['n'], [3])), 5)
  })
  t.strictSame(second, { evalsha: 1 })
})

t.test('a script that was flushed or lost in a restart is loaded again', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url)
  await reaches(link, 'up')
  await link.run((client) => add.run(client, ['n'], [1]))
  await server.command('SCRIPT', 'FLUSH')
  t.equal(await link.run((client) => add.run(client, ['n'], [1])), 2)
})

t.test('an error inside a script is the error of its caller', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url)
  await reaches(link, 'up')
  await link.run((client) => client.set('text', 'no number'))
  await t.rejects(
    link.run((client) => add.run(client, ['text'], [1])),
    { code: 'STAY_REDIS_MISUSE' },
  )
})
