import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import t from 'tap'
import { redactError } from '../dist/redacted-error.js'
import { startRedisServer } from '@stayfast/test-kit'

t.test('the password that ioredis hangs on the error of a refused login is gone', async (t) => {
  const { port } = await startRedisServer({ password: 'right' }, t)
  const client = new Redis({
    port,
    host: '127.0.0.1',
    password: 'hunter2',
    lazyConnect: true,
    retryStrategy: () => null,
  })
  const failed = new Promise<Error>((resolve) => client.once('error', resolve))
  client.connect().catch(() => undefined)
  const error = await failed
  t.match(inspect(error), 'hunter2', 'ioredis shows it')
  t.equal(redactError(error), error)
  t.notMatch(inspect(error), 'hunter2')
  t.match(error.message, /^WRONGPASS/)
})

t.test('wrapped errors are redacted with the outer one, and anything else is left as it is', (t) => {
  const refusal = (): Error =>
    Object.assign(new Error('ERR'), { command: { name: 'set', args: ['key', 'hunter2'] } })
  const wrapped = [
    new Error('outer', { cause: refusal() }),
    new AggregateError([refusal(), refusal()]),
    Object.assign(new Error('cluster'), { lastNodeError: new Error('node', { cause: refusal() }) }),
  ]
  for (const error of wrapped) t.notMatch(inspect(redactError(error), { depth: Infinity }), 'hunter2')
  const loop = new Error('loop')
  loop.cause = loop
  t.equal(redactError(loop), loop)
  t.equal(redactError('text'), 'text')
  t.equal(redactError(null), null)
  t.end()
})
