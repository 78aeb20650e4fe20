import { existsSync } from 'node:fs'
import t from 'tap'
import { isBeforeRedis7 } from '../dist/find-redis-server.js'
import { commandsUpstashRefuses, findRedisServer, startRedisServer } from '../dist/index.js'
import { client } from './client.js'

t.test('a plain server answers at its URL', async (t) => {
  const server = await startRedisServer({}, t)
  t.equal(server.url, `redis://127.0.0.1:${server.port}`)
  t.equal(await client(t, server.url).ping(), 'PONG')
  t.match(server.logs(), /Ready to accept connections/)
})

t.test('a stopped server is gone, with its process and its files', async (t) => {
  const server = await startRedisServer()
  const folder = /^(.*)\/data$/.exec(
    String(await server.command('config', 'get', 'dir')).split(',')[1] ?? '',
  )?.[1]
  t.ok(folder && existsSync(folder))
  await server.stop()
  await server.stop()
  t.throws(() => process.kill(server.pid, 0), { code: 'ESRCH' })
  t.notOk(folder && existsSync(folder))
})

t.test('a server declared with `await using` is gone at the end of the block', async (t) => {
  let pid = 0
  {
    await using server = await startRedisServer()
    pid = server.pid
  }
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})

t.test('a password is asked for and is in the URL', async (t) => {
  const server = await startRedisServer({ password: 'p@ss/word' }, t)
  t.equal(await client(t, server.url).ping(), 'PONG')
  await t.rejects(client(t, `redis://127.0.0.1:${server.port}`).ping(), { message: /NOAUTH/ })
})

t.test('a username with its password gets in and the default user does not', async (t) => {
  const server = await startRedisServer({ username: 'shop', password: 'secret' }, t)
  t.equal(await client(t, server.url).call('acl', 'whoami'), 'shop')
  await t.rejects(client(t, `redis://127.0.0.1:${server.port}`).ping(), { message: /NOAUTH/ })
})

t.test('TLS is verified with the server’s own authority and refused without it', async (t) => {
  const server = await startRedisServer({ tls: true, password: 'secret' }, t)
  t.match(server.url, /^rediss:/)
  t.equal(await client(t, server.url, { tls: { ca: server.ca ?? '' } }).ping(), 'PONG')

  const stranger = client(t, server.url)
  const refused = new Promise<Error>((resolve) => stranger.once('error', resolve))
  t.match(await refused, { code: 'SELF_SIGNED_CERT_IN_CHAIN' })
})

t.test('a certificate for another host is refused unless that name is asked for', async (t) => {
  const server = await startRedisServer({ tls: true, tlsHost: 'redis.example.test' }, t)
  const ca = server.ca ?? ''
  t.equal(await client(t, server.url, { tls: { ca, servername: 'redis.example.test' } }).ping(), 'PONG')

  const misled = client(t, server.url, { tls: { ca } })
  const refused = new Promise<Error>((resolve) => misled.once('error', resolve))
  t.match(await refused, { code: 'ERR_TLS_CERT_ALTNAME_INVALID' })
})

t.test('an Upstash-like server has one database and refuses what Upstash refuses', async (t) => {
  const server = await startRedisServer({ upstashLike: true, password: 'secret' }, t)
  const redis = client(t, server.url)
  t.equal(await redis.set('key', 'value'), 'OK')
  t.match(await redis.info(), /redis_version/)
  await t.rejects(redis.select(1), { message: /out of range/ })
  const tracking = redis.call('client', 'tracking', 'on')
  // Redis 6 cannot take a subcommand away.
  if (isBeforeRedis7(await findRedisServer())) await t.resolves(tracking)
  else await t.rejects(tracking, { message: /NOPERM/ })
  for (const command of commandsUpstashRefuses) {
    await t.rejects(redis.call(command, 'a', 'b'), { message: /unknown command/ }, `${command} is unknown`)
  }
  t.equal(
    await server.command('config', 'get', 'databases').then(String),
    'databases,1',
    'the admin keeps CONFIG',
  )
})

t.test('as many clients fit as asked for, and one more is turned away', async (t) => {
  const server = await startRedisServer({ maxClients: 2 }, t)
  const [first, second] = [client(t, server.url), client(t, server.url)]
  t.strictSame(await Promise.all([first.ping(), second.ping()]), ['PONG', 'PONG'])
  t.strictSame(await server.countCommands(() => first.get('key')), { get: 1 })
  await t.rejects(client(t, server.url).ping())
  t.equal(await server.command('ping'), 'PONG', 'the admin has a place of its own')
})

t.test('a memory limit refuses writes with OOM', async (t) => {
  const server = await startRedisServer({ maxMemoryBytes: 1_000_000 }, t)
  await t.rejects(client(t, server.url).set('key', 'x'.repeat(1_000_000)), { message: /OOM/ })
})

t.test('databases and any other setting are as asked for', async (t) => {
  const server = await startRedisServer({ databases: 4, config: { 'maxmemory-policy': 'allkeys-lru' } }, t)
  await t.rejects(client(t, server.url).select(4), { message: /out of range/ })
  t.equal(await client(t, server.url).select(3), 'OK')
  t.match(await server.command('config', 'get', 'maxmemory-policy'), ['maxmemory-policy', 'allkeys-lru'])
})

t.test('a replica has the primary’s data and refuses writes', async (t) => {
  const primary = await startRedisServer({ password: 'secret' }, t)
  await primary.command('set', 'key', 'value')
  const replica = await startRedisServer({ replicaOf: primary }, t)
  const redis = client(t, replica.url)
  t.equal(await redis.get('key'), 'value')
  await t.rejects(redis.set('key', 'other'), { message: /READONLY/ })
})

t.test('a replica follows its primary through TLS', async (t) => {
  const primary = await startRedisServer({ tls: true, username: 'shop', password: 'secret' }, t)
  await primary.command('set', 'key', 'value')
  const replica = await startRedisServer({ tls: true, replicaOf: primary }, t)
  t.equal(await replica.command('get', 'key'), 'value')
})

t.test('options that contradict each other are refused', async (t) => {
  const tlsPrimary = await startRedisServer({ tls: true }, t)
  await t.rejects(startRedisServer({ username: 'shop' }), { message: /needs a password/ })
  await t.rejects(startRedisServer({ tlsHost: 'redis.example.test' }), { message: /tls: true/ })
  await t.rejects(startRedisServer({ upstashLike: true, databases: 2 }), { message: /one database/ })
  await t.rejects(startRedisServer({ replicaOf: tlsPrimary }), { message: /tls: true/ })
})

t.test('a server that cannot start says what it wrote', async (t) => {
  const taken = await startRedisServer({}, t)
  await t.rejects(startRedisServer({ port: taken.port }), { message: /already in use/i })
  await t.rejects(startRedisServer({ config: { 'no-such-setting': '1' } }), { message: /no-such-setting/ })
})
