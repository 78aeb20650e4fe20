import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { startRedisServer, type RedisServer } from '../dist/index.js'

async function connected(t: Test, server: RedisServer): Promise<Redis> {
  const redis = new Redis(server.url, { maxRetriesPerRequest: 0, retryStrategy: () => null })
  redis.on('error', () => undefined)
  t.teardown(() => redis.disconnect())
  await redis.ping()
  return redis
}

t.test('each command that a client sends is counted by its name', async (t) => {
  const server = await startRedisServer({}, t)
  const redis = await connected(t, server)
  const counts = await server.countCommands(async () => {
    await redis.set('key', 'value')
    await redis.get('key')
    await redis.get('key')
  })
  t.strictSame(counts, { get: 2, set: 1 })
})

t.test('an EVALSHA is one command, whatever the script calls', async (t) => {
  const server = await startRedisServer({}, t)
  const redis = await connected(t, server)
  const source = "redis.call('SET', KEYS[1], 1) return redis.call('INCR', KEYS[1])"
  const sha = String(await redis.script('LOAD', source))
  const counts = await server.countCommands(() => redis.evalsha(sha, 1, 'key'))
  t.strictSame(counts, { evalsha: 1 })
})

t.test('the handshake of a new connection is counted', async (t) => {
  const server = await startRedisServer({ password: 'secret' }, t)
  const counts = await server.countCommands(async () => {
    const redis = new Redis(`${server.url}/2`, { protocol: 3 })
    await redis.client('SETNAME', 'shop')
    await redis.quit()
  })
  t.match(counts, { hello: 1, select: 1, info: 1, quit: 1 })
  t.ok((counts['client'] ?? 0) >= 1)
})

t.test('the admin is left out', async (t) => {
  const server = await startRedisServer({}, t)
  const redis = await connected(t, server)
  const counts = await server.countCommands(async () => {
    await server.command('set', 'key', 'value')
    await server.command('config', 'get', 'maxmemory')
    await redis.get('key')
  })
  t.strictSame(counts, { get: 1 })
})

t.test('administrative commands, which MONITOR hides, are counted', async (t) => {
  const server = await startRedisServer({}, t)
  const redis = await connected(t, server)
  const counts = await server.countCommands(async () => {
    await redis.config('GET', 'maxmemory')
    await redis.config('GET', 'maxmemory-policy')
    await redis.client('LIST')
  })
  t.strictSame(counts, { client: 1, config: 2 })
})

t.test('commands that the server refused are counted', async (t) => {
  const server = await startRedisServer({}, t)
  const redis = await connected(t, server)
  await server.becomeReadOnly()
  const counts = await server.countCommands(async () => {
    await t.rejects(redis.set('key', 'value'), { message: /READONLY/ })
    await t.rejects(redis.call('get'), { message: /wrong number/ })
  })
  t.strictSame(counts, { get: 1, set: 1 })
})

t.test('a transaction counts each of its commands once', async (t) => {
  const server = await startRedisServer({}, t)
  const redis = await connected(t, server)
  const counts = await server.countCommands(async () => {
    await redis.multi().set('key', 'value').get('key').exec()
  })
  t.strictSame(counts, { exec: 1, get: 1, multi: 1, set: 1 })
})

t.test('what the work leaves under way is counted too', async (t) => {
  const server = await startRedisServer({}, t)
  const redis = await connected(t, server)
  for (let round = 0; round < 20; round++) {
    const counts = await server.countCommands(() => {
      void redis.incr('one').then(() => redis.incr('two'))
      return Promise.resolve()
    })
    t.strictSame(counts, { incr: 2 })
  }
})

t.test('a server that goes away while counting is an error', async (t) => {
  const server = await startRedisServer({}, t)
  await t.rejects(server.countCommands(() => server.kill()))
})

t.test('the work’s own error comes through', async (t) => {
  const server = await startRedisServer({}, t)
  const failure = new Error('the work failed')
  await t.rejects(
    server.countCommands(() => Promise.reject(failure)),
    failure,
  )
})
