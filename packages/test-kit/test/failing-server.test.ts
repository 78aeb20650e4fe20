import t from 'tap'
import { eventually, startRedisServer } from '../dist/index.js'
import { client } from './client.js'

t.test('a frozen server lets a PING time out and answers it after the thaw', async (t) => {
  const server = await startRedisServer({}, t)
  const impatient = client(t, server.url, { commandTimeout: 100 })
  const patient = client(t, server.url)
  await Promise.all([impatient.ping(), patient.ping()])

  server.freeze()
  const answer = patient.ping()
  await t.rejects(impatient.ping(), { message: /timed out/ })
  server.thaw()
  t.equal(await answer, 'PONG')
})

t.test('a killed server refuses connections until it is restarted on its port', async (t) => {
  const server = await startRedisServer({}, t)
  const { pid, port } = server
  const redis = client(t, server.url)
  await redis.ping()

  await server.kill()
  await t.rejects(client(t, server.url, { retryStrategy: () => null }).ping())
  t.throws(() => server.freeze(), { message: /not running/ })

  await server.restart()
  t.equal(server.port, port)
  t.not(server.pid, pid)
  await eventually(() => redis.ping())
  t.equal(server.logs().match(/Ready to accept connections/g)?.length, 2, 'the logs of both lives are there')
})

t.test('data survives a kill with an append-only file', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  await client(t, server.url).set('key', 'value')
  await server.kill()
  await server.restart({ keepData: true })
  t.equal(await server.command('get', 'key'), 'value')
  await server.restart()
  t.equal(await server.command('dbsize'), 0, 'and is gone when nobody asks to keep it')
})

t.test('data is gone after a kill without an append-only file, and keeping it is refused', async (t) => {
  const server = await startRedisServer({}, t)
  await client(t, server.url).set('key', 'value')
  await t.rejects(server.restart({ keepData: true }), { message: /appendOnly/ })
  await server.restart()
  t.equal(await server.command('get', 'key'), null)
})

t.test('a restart thaws a frozen server', async (t) => {
  const server = await startRedisServer({}, t)
  server.freeze()
  await server.restart()
  t.equal(await server.command('ping'), 'PONG')
})

for (const appendOnly of [false, true]) {
  const kind = appendOnly ? 'append-only' : 'plain'
  t.test(`a loading ${kind} server answers LOADING for a while and has its data afterwards`, async (t) => {
    const server = await startRedisServer({ appendOnly }, t)
    await server.command('set', 'key', 'value')

    const startedAt = performance.now()
    await server.startLoading(300)
    const redis = client(t, server.url, { enableReadyCheck: false })
    await t.rejects(redis.get('key'), { message: /LOADING/ })
    await server.whenReady()
    t.ok(performance.now() - startedAt >= 300)
    t.equal(await redis.get('key'), 'value')
    await eventually(async () => (await redis.dbsize()) === 1)
  })
}

t.test('an append-only server that was loading keeps what is written afterwards', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  await server.startLoading(50)
  await server.whenReady()
  await server.command('set', 'key', 'value')
  await server.kill()
  await server.restart({ keepData: true })
  t.equal(await server.command('get', 'key'), 'value')
})

t.test(
  'a server that became read-only refuses writes with READONLY until it is writable again',
  async (t) => {
    const server = await startRedisServer({}, t)
    const redis = client(t, server.url)
    await redis.set('key', 'value')
    await server.becomeReadOnly()
    await t.rejects(redis.set('key', 'other'), { message: /READONLY/ })
    t.equal(await redis.get('key'), 'value')
    await server.becomeWritable()
    t.equal(await redis.set('key', 'other'), 'OK')
  },
)

t.test('a server without memory refuses writes with OOM, keeps its data and recovers', async (t) => {
  const server = await startRedisServer({ config: { 'maxmemory-policy': 'allkeys-lru' } }, t)
  const redis = client(t, server.url)
  await redis.set('key', 'value')
  await server.freeMemory()
  await server.fillMemory()
  await server.fillMemory()
  await t.rejects(redis.set('key', 'other'), { message: /OOM/ })
  t.equal(await redis.get('key'), 'value')
  await server.freeMemory()
  t.equal(await redis.set('key', 'other'), 'OK')
  t.match(await server.command('config', 'get', 'maxmemory-policy'), ['maxmemory-policy', 'allkeys-lru'])
})
