import { reaches, type RedisServer, startFaultProxy, startRedisServer } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis5'
import { Redis as Valkey } from 'iovalkey'
import t, { type Test } from 'tap'
import { adoptClient, duplicateSafely, type RedisClient, type RedisLink } from '../dist/index.js'
import { rejection } from './open-link.js'

const libraries: Readonly<Record<string, (url: string, options?: object) => RedisClient>> = {
  'ioredis 6': (url, options = {}) => new Redis(url, options),
  'ioredis 5': (url, options = {}) => new Redis5(url, options),
  iovalkey: (url, options = {}) => new Valkey(url, options),
}

function owned<Client extends RedisClient>(t: Test, client: Client): Client {
  t.teardown(() => {
    client.disconnect()
  })
  client.on('error', () => undefined)
  return client
}

function adopt(t: Test, client: RedisClient, options: { share?: boolean } = {}): RedisLink {
  const link = adoptClient(client, { name: 'default', ...options })
  t.teardown(() => link.close())
  return link
}

async function connections(server: RedisServer): Promise<number> {
  const list = String(await server.command('client', 'list', 'type', 'normal'))
  // The admin's own comes through a socket file.
  return list.split('\n').filter((line) => line.includes('laddr=127.0.0.1')).length
}

for (const [name, open] of Object.entries(libraries)) {
  t.test(`${name}: a link works through a duplicate and closes only that`, async (t) => {
    const server = await startRedisServer({ password: 'right' }, t)
    const client = owned(t, open(server.url))
    await client.ping()
    const link = adopt(t, client)
    await reaches(link, 'up')
    t.equal(await connections(server), 2)
    await link.run((own) => own.set('x', '1'))
    t.equal(await client.get('x'), '1')
    await link.close()
    t.equal(await client.ping(), 'PONG', 'the app goes on using its own')
  })

  t.test(`${name}: a frozen server cannot make a caller wait, whatever the client is set to`, async (t) => {
    const server = await startRedisServer({}, t)
    const client = owned(t, open(server.url, { maxRetriesPerRequest: null, commandTimeout: 60_000 }))
    const link = adopt(t, client)
    await reaches(link, 'up')
    server.freeze()
    const { error, tookMs } = await rejection(link.run((own) => own.get('x')))
    t.match(error, { code: 'STAY_REDIS_UNAVAILABLE', outcome: 'unknown' })
    t.ok(tookMs < 1500, `took ${tookMs} ms`)
    await reaches(link, 'down', 3000)
    server.thaw()
    await reaches(link, 'up', 3000)
  })
}

t.test('share: true uses the client itself, opens nothing and leaves it as it was', async (t) => {
  const server = await startRedisServer({}, t)
  const client = owned(t, new Redis(server.url))
  await client.ping()
  const listeners = client.listenerCount('close')
  const link = adopt(t, client, { share: true })
  await reaches(link, 'up')
  t.equal(await link.run(async (own) => own === client), true)
  t.equal(await connections(server), 1)
  await link.close()
  t.equal(client.listenerCount('close'), listeners)
  t.equal(await client.ping(), 'PONG')
})

t.test("a client's keyPrefix becomes the link's, so that SCAN patterns know it too", async (t) => {
  const server = await startRedisServer({}, t)
  const client = owned(t, new Redis(server.url, { keyPrefix: 'shop:' }))
  const link = adopt(t, client)
  await reaches(link, 'up')
  t.equal(link.keyPrefix, 'shop:')
  await link.run((own) => own.set(`${link.keyPrefix}x`, '1'))
  t.equal(await client.get('x'), '1', 'both mean the same key')
  t.throws(() => adoptClient(client, { name: 'default', share: true }), {
    name: 'TypeError',
    message: /keyPrefix: leave out share/,
  })
})

t.test("the link lives in the client's database and names its channels after it", async (t) => {
  const server = await startRedisServer({}, t)
  const client = owned(t, new Redis(server.url, { db: 3 }))
  const link = adopt(t, client)
  await reaches(link, 'up')
  await link.run((own) => own.set('x', '1'))
  t.equal(await client.get('x'), '1')
  t.equal(link.channelPrefix, 'db3:')
})

t.test('a subscription that is cut off while it is asked for leaves no rejection behind', async (t) => {
  const server = await startRedisServer({}, t)
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const unhandled: unknown[] = []
  const note = (reason: unknown): unknown => unhandled.push(reason)
  process.on('unhandledRejection', note)
  t.teardown(() => process.off('unhandledRejection', note))
  const link = adopt(t, owned(t, new Redis(proxy.url(server.url))))
  const heard: string[] = []
  link.subscribe('news', { onMessage: (message) => heard.push(message) })
  await reaches(link, 'up')
  for (let times = 0; times < 3; times += 1) {
    proxy.dropReplies({ matching: /^subscribe/i, reset: true })
    proxy.resetAll()
    await new Promise((resolve) => setTimeout(resolve, 400))
    await proxy.restore()
    await reaches(link, 'up', 3000)
  }
  t.strictSame(unhandled, [])
})

t.test('what cannot be duplicated is refused by name', (t) => {
  t.throws(() => duplicateSafely({ status: 'ready' }), { name: 'TypeError', message: /no duplicate\(\)/ })
  t.end()
})

t.test('a duplicate takes overrides, which win over the safe settings', async (t) => {
  const server = await startRedisServer({}, t)
  const client = owned(t, new Redis(server.url, { db: 2 }))
  const copy = owned(t, duplicateSafely(client, { db: 0 }))
  t.equal(copy.status, 'wait', 'it connects when it is told to')
  await copy.connect()
  await copy.set('x', '1')
  t.equal(await server.command('get', 'x'), '1')
})
