import { openLink } from '@stayfast/link-test-kit'
import { startRedisServer } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { addressOf, newSessionId, tagOfUser } from '../dist/session-id.js'
import { RedisSessionStore, type RedisSessionStoreOptions } from '../dist/stores/redis-session-store.js'
import {
  change,
  lifetimes,
  newAddress,
  sessionStoreContract,
  signedIn,
  visitor,
} from './session-store-contract.js'

const server = await startRedisServer({}, t)
const redis = new Redis(server.url)
t.teardown(() => {
  redis.disconnect()
})

async function later(ms: number): Promise<void> {
  for (const key of await redis.keys('*sess:*')) {
    if ((await redis.type(key)) !== 'hash') continue
    await redis.hincrby(key, 'c', -ms)
    await redis.hincrby(key, 's', -ms)
  }
}

async function nowUs(): Promise<number> {
  const [seconds, micros] = await redis.time()
  return Number(seconds) * 1_000_000 + Number(micros)
}

async function emptyStore(
  t: Test,
  options: Partial<RedisSessionStoreOptions> = {},
): Promise<RedisSessionStore> {
  await redis.flushall()
  const link = await openLink(t, server.url, { heartbeatMs: false })
  return new RedisSessionStore({ ...lifetimes, link, keyPrefix: '', retryAfterSeconds: 2, ...options })
}

t.test('the contract of all stores', async (t) => {
  sessionStoreContract(t, {
    durability: 'redis',
    create: async (t, given) => ({ store: await emptyStore(t, given), later, nowUs }),
  })
})

t.test('a session lies in the slot of its user, under a digest of its id', async (t) => {
  const store = await emptyStore(t, { keyPrefix: 'app:' })
  const tag = tagOfUser('ada')
  const id = newSessionId(tag)
  const address = addressOf(id)
  await store.create(address, signedIn({ cart: [] }))
  t.strictSame(
    (await redis.keys('*')).sort(),
    [`app:sess:{${tag}}:${address.digest}`, `app:sess:{${tag}}:i`].sort(),
  )
  const stored = await redis.hgetall(`app:sess:{${tag}}:${address.digest}`)
  t.strictSame(Object.keys(stored).sort(), ['c', 'f:"cart"', 'g', 'm', 's'])
  t.match(stored['f:"cart"'], /^\d{16} \[\]$/)
  const dump = JSON.stringify([await redis.keys('*'), stored])
  t.notOk(dump.includes(id.slice(tag.length)), 'the id is nowhere')
})

t.test('every key has a time to live', async (t) => {
  const store = await emptyStore(t)
  const address = newAddress()
  await store.create(address, signedIn())
  await store.create(newAddress(), signedIn())
  await store.revokeAll(address.tag, address.digest)
  await store.create(addressOf('foreign'), visitor())
  await store.destroy(addressOf('foreign'))
  const keys = await redis.keys('*')
  t.equal(keys.length, 4)
  for (const key of keys) {
    const ms = await redis.pttl(key)
    t.ok(ms > 0 && ms <= lifetimes.absoluteSeconds * 1000, key)
  }
  t.ok((await redis.pttl(`sess:{${address.tag}}:${address.digest}`)) <= lifetimes.idleSeconds * 1000)
})

t.test('use renews the time to live, never beyond the absolute end', async (t) => {
  const store = await emptyStore(t)
  const address = newAddress()
  const key = `sess:{${address.tag}}:${address.digest}`
  await store.create(address, signedIn())
  await redis.pexpire(key, 5000)
  await store.load(address)
  t.ok((await redis.pttl(key)) <= 5000, 'not within the interval')
  await later(61_000)
  await store.load(address)
  t.ok((await redis.pttl(key)) > 86_000_000)
  await redis.hincrby(key, 'c', -6.5 * 86_400_000)
  await redis.hincrby(key, 's', -61_000)
  await store.load(address)
  t.ok((await redis.pttl(key)) < 0.5 * 86_400_000)
})

t.test('each operation costs one command, and loads of one turn share one', async (t) => {
  const store = await emptyStore(t)
  const address = newAddress()
  const other = newAddress()
  const count = (work: () => Promise<unknown>): Promise<Record<string, number>> =>
    server.countCommands(async () => {
      await work()
    })
  // The server learns the scripts.
  await store.create(other, signedIn())
  await store.load(other)
  await store.save(other, change({ a: 1 }))
  await store.list(other.tag)
  await store.revokeAll(other.tag)
  await store.destroy(other)

  t.strictSame(await count(() => store.create(address, signedIn({ a: 1 }))), { evalsha: 1 })
  t.strictSame(await count(() => store.load(address)), { evalsha: 1 })
  t.strictSame(await count(() => store.save(address, change({ a: 2 }))), { evalsha: 1 })
  t.strictSame(await count(() => store.list(address.tag)), { evalsha: 1 })
  const crowd = (reader: typeof store): Promise<unknown> =>
    Promise.all(Array.from({ length: 120 }, () => reader.load(address)))
  t.strictSame(await count(() => crowd(store)), { evalsha: 8 }, '120 loads, 16 to a command')
  const link = await openLink(t, server.url, { heartbeatMs: false, traits: { billedByCommand: true } })
  const sparing = await emptyStore(t, { link })
  t.strictSame(await count(() => crowd(sparing)), { evalsha: 3 }, 'and 50 where commands are billed')
  t.strictSame(await count(() => store.revokeAll(address.tag, address.digest)), { evalsha: 1 })
  t.strictSame(await count(() => store.destroy(address)), { evalsha: 1 })
})

t.test('loads that share a command get each their own answer', async (t) => {
  const corrupt: string[] = []
  const store = await emptyStore(t, { onCorrupt: (key) => void corrupt.push(key) })
  const addresses = Array.from({ length: 7 }, (_, index) => newAddress(`user ${index}`))
  for (const [index, address] of addresses.entries()) await store.create(address, visitor({ index }))
  const [gone, text, foreign, half] = addresses.slice(3)
  const key = (address = newAddress()): string => `sess:{${address.tag}}:${address.digest}`
  await redis.del(key(gone), key(text), key(foreign))
  await redis.set(key(text), 'text')
  await redis.hset(key(foreign), 'c', 'not', 'g', 'ours')
  await redis.hdel(key(half), 's')
  const loaded = await Promise.all(addresses.map((address) => store.load(address)))
  t.strictSame(
    loaded.map((each) => each?.session.fields.get('index')),
    ['0', '1', '2', undefined, undefined, undefined, undefined],
  )
  t.strictSame(corrupt.sort(), [key(text), key(foreign), key(half)].sort(), 'and what is no session is told')
})

t.test('a full server goes on reading, and lets sessions end', async (t) => {
  const store = await emptyStore(t)
  const [one, other, third] = [newAddress(), newAddress(), newAddress()]
  for (const address of [one, other, third]) await store.create(address, signedIn({ a: 1 }))
  await later(61_000)
  await redis.config('SET', 'maxmemory', '1')
  t.teardown(() => redis.config('SET', 'maxmemory', '0'))
  t.ok(await store.load(one), 'although its use would have to be noted')
  const refused = {
    code: 'STAY_SESSION_UNAVAILABLE',
    statusCode: 503,
    outcome: 'not-sent',
    canRetry: true,
    headers: { 'retry-after': '2' },
    cause: { code: 'STAY_REDIS_REFUSED', reason: 'out-of-memory' },
  }
  await t.rejects(store.save(one, change({ a: 2 })), refused)
  await t.rejects(store.create(newAddress('bob'), signedIn()), refused)
  t.match(await store.destroy(one), { existed: true })
  t.match(await store.revokeAll(other.tag, third.digest), { revoked: 1 })
  t.equal(await store.load(one), undefined)
  t.equal(await store.load(other), undefined)
  t.ok(await store.load(third))
  t.strictSame((await store.load(third))?.session.fields.get('a'), '1')
})

t.test('a write that comes too late is not done', async (t) => {
  const store = await emptyStore(t)
  const address = newAddress()
  await store.create(address, visitor({ a: 1 }))
  const pastUs = (await nowUs()) - 1
  t.equal(await store.commands.save(redis, address, change({ a: 2 }), '', pastUs), 'late')
  t.match(await store.commands.create(redis, newAddress(), visitor(), '', pastUs), { kind: 'late' })
  t.strictSame((await store.load(address))?.session.fields.get('a'), '1')
})

t.test('of one field the newer write stands, in whatever order they come', async (t) => {
  const store = await emptyStore(t)
  const address = newAddress()
  await store.create(address, visitor({ a: 'first', b: 'first' }))
  const us = await nowUs()
  const stamps = [1, 2, 3].map((after) => `${us + after}.process.00000001`)
  for (const [index, value] of [
    [2, 'third'],
    [0, 'first'],
    [1, undefined],
  ] as const) {
    await store.commands.save(redis, address, change({ a: value }), stamps[index] ?? '')
  }
  t.equal((await store.load(address))?.session.fields.get('a'), '"third"')
  await store.commands.save(redis, address, change({ b: undefined }), stamps[2] ?? '')
  await store.commands.save(redis, address, change({ b: 'older' }), stamps[1] ?? '')
  t.equal((await store.load(address))?.session.fields.get('b'), undefined, 'a removal counts too')
  await store.save(address, change({ b: 'now' }))
  t.equal((await store.load(address))?.session.fields.get('b'), '"now"')
})

t.test('a revocation that waited ends what there was when it was accepted, and nothing newer', async (t) => {
  const store = await emptyStore(t)
  const [before, after] = [newAddress(), newAddress()]
  await store.create(before, signedIn())
  const stamp = String(await nowUs())
  await store.create(after, signedIn())
  const revoke = () => store.commands.revokeAll(redis, before.tag, undefined, stamp)
  t.strictSame(await revoke(), { stamp, ended: [before.digest] })
  t.strictSame(await revoke(), { stamp, ended: [] }, 'once')
  t.ok(await store.load(after))
  t.equal(await store.load(before), undefined)
})

t.test('a revocation holds for a session that the index has lost', async (t) => {
  const store = await emptyStore(t)
  const [lost, kept] = [newAddress(), newAddress()]
  for (const address of [lost, kept]) await store.create(address, signedIn({ a: 1 }))
  await redis.zrem(`sess:{${lost.tag}}:i`, lost.digest)
  await store.revokeAll(lost.tag, kept.digest)
  t.equal(await store.save(lost, change({ a: 2 })), 'gone')
  t.equal(await store.load(lost), undefined)
  t.strictSame((await store.load(kept))?.session.fields.get('a'), '1')
})

t.test('a key that holds no session hides none, and saves none from a revocation', async (t) => {
  const store = await emptyStore(t)
  const [other, ended] = [newAddress(), newAddress()]
  for (const address of [other, ended]) await store.create(address, signedIn({ a: 1 }))
  const key = `sess:{${other.tag}}:${other.digest}`
  await redis.del(key)
  await redis.lpush(key, 'somebody else’s')
  t.strictSame(
    (await store.list(ended.tag)).map(({ digest }) => digest),
    [ended.digest],
  )
  t.strictSame((await store.revoke(ended.tag)).ended, [ended.digest])
  t.equal(await redis.type(key), 'list')
})

t.test('fields that come and go under ever new names do not make a session grow', async (t) => {
  const store = await emptyStore(t)
  const address = newAddress()
  await store.create(address, signedIn({ kept: 1 }))
  for (let i = 0; i < 300; i += 1) {
    await store.save(address, change({ [`state-${i}`]: i }))
    await store.save(address, change({ [`state-${i}`]: undefined }))
  }
  t.ok((await redis.hlen(`sess:{${address.tag}}:${address.digest}`)) <= 129)
  t.strictSame([...((await store.load(address))?.session.fields ?? [])], [['kept', '1']])
})

t.test('a session of typical content takes at most 2 KB', async (t) => {
  const store = await emptyStore(t)
  const address = newAddress()
  await store.create(address, {
    about: JSON.stringify({
      u: '00000000-0000-4000-8000-000000000001',
      t: 'vendor-1',
      r: ['vendor', 'editor'],
      d: 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15',
    }),
    listed: true,
    fields: new Map([
      ['_csrf', JSON.stringify('x'.repeat(24))],
      ['locale', '"en-GB"'],
      ['returnTo', '"/dashboard/orders?status=open"'],
      ['cart', JSON.stringify([1, 2, 3].map((n) => ({ productId: `p-vendor-1-${n}`, quantity: n })))],
      ['flash', JSON.stringify({ kind: 'info', text: 'Saved.' })],
    ]),
  })
  const bytes = Number(await redis.call('MEMORY', 'USAGE', `sess:{${address.tag}}:${address.digest}`))
  t.ok(bytes <= 2048, `${bytes} bytes`)
  t.comment(`${bytes} bytes`)
})

t.test('a server that has forgotten its scripts is taught them again', async (t) => {
  const store = await emptyStore(t)
  const address = newAddress()
  await store.create(address, signedIn())
  await redis.script('FLUSH')
  t.ok(await store.load(address))
  t.equal(await store.save(address, change({ x: 1 })), 'saved')
})
