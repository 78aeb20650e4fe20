import { reaches, startRedisServer } from '@stayfast/test-kit'
import t from 'tap'
import { classify } from '../dist/classify.js'
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

t.test('a script is refused for what its commands are refused for', async (t) => {
  const server = await startRedisServer({ maxMemoryBytes: 2_000_000 }, t)
  await server.command('ACL', 'SETUSER', 'reader', 'on', '>pw', '~*', '&*', '+@all', '-incrby')
  const link = openLink(t, server.url)
  const reader = openLink(t, server.url.replace('redis://', 'redis://reader:pw@'))
  await Promise.all([reaches(link, 'up'), reaches(reader, 'up')])
  const refusedFor = (of: typeof link, reason: string): Promise<unknown> =>
    t.rejects(
      of.run((client) => add.run(client, ['n'], [1])),
      { code: 'STAY_REDIS_REFUSED', reason },
    )
  await refusedFor(reader, 'no-permission')
  await server.fillMemory()
  await refusedFor(link, 'out-of-memory')
  await server.freeMemory()
  await server.becomeReadOnly()
  await refusedFor(link, 'read-only')
})

t.test('what servers of all versions say of a script is understood', (t) => {
  const before7 =
    'ERR Error running script (call to f_8781955edce783b33759685f52017d091c2f8b97): @user_script:1: @user_script: 1: '
  const since7 = ' script: c9d07944a0a61800364dcc8a2cb8f35fc83c6d3e, on @user_script:1.'
  const oom = "OOM command not allowed when used memory > 'maxmemory'."
  const said: Readonly<Record<string, string>> = {
    [`${before7}-${oom}`]: 'out-of-memory',
    [`@user_script: 1: -${oom}`]: 'out-of-memory',
    [`${oom}${since7}`]: 'out-of-memory',
    [`${before7}-READONLY You can't write against a read only replica.`]: 'read-only',
    [`${before7}-NOREPLICAS Not enough good replicas to write.`]: 'no-replicas',
    [`${before7}The user executing the script can't run this command or subcommand`]: 'no-permission',
    [`ERR The user executing the script can't run this command or subcommand${since7}`]: 'no-permission',
    [`ERR ACL failure in script: User u has no permissions to run the 'set' command${since7}`]:
      'no-permission',
  }
  for (const [message, reason] of Object.entries(said)) {
    const reply = Object.assign(new Error(message), { name: 'ReplyError' })
    t.match(classify(reply, 'default'), { code: 'STAY_REDIS_REFUSED', reason }, message)
  }
  const wrong = `${before7}WRONGTYPE Operation against a key holding the wrong kind of value`
  const reply = Object.assign(new Error(wrong), { name: 'ReplyError' })
  t.match(classify(reply, 'default'), { code: 'STAY_REDIS_MISUSE' })
  t.end()
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
