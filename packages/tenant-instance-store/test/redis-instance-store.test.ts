import { openLink } from '@stayfast/link-test-kit'
import { eventually, startRedisServer } from '@stayfast/test-kit'
import type { RedisLink } from '@stayfast/redis-kit'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { StoredInstances } from '../dist/stored-instances.js'
import { OutageInstanceStore, type OutageInstanceStoreOptions } from '../dist/stores/outage-instance-store.js'
import { directly } from './open-outage-store.js'

const days = 86_400
const server = await startRedisServer({}, t)
const redis = new Redis(server.url)
t.teardown(() => {
  redis.disconnect()
})

async function emptyStore(
  t: Test,
  options: Partial<OutageInstanceStoreOptions> = {},
): Promise<{ store: OutageInstanceStore; instances: StoredInstances; link: RedisLink }> {
  await redis.flushall()
  return anotherStore(t, options)
}

async function anotherStore(
  t: Test,
  options: Partial<OutageInstanceStoreOptions> = {},
): ReturnType<typeof emptyStore> {
  const link = await openLink(t, server.url, { heartbeatMs: false })
  const store = new OutageInstanceStore({ ...directly, link, ...options })
  return { store, instances: new StoredInstances(() => store), link }
}

t.test('an instance lies where operators look for it', async (t) => {
  const { instances } = await emptyStore(t)
  const id = '00000000-0000-4000-8000-000000000001'
  await instances.save({ id, vendorId: 'vendor-1', tags: [] })
  t.strictSame(await redis.keys('*'), [`instance:${id}`])
  const stored = await redis.hgetall(`instance:${id}`)
  t.strictSame(Object.keys(stored).sort(), [
    'alive',
    'base',
    'f:"tags"',
    'f:"vendorId"',
    'json',
    'removed',
    'seen',
    'stamp',
  ])
  t.equal(stored['json'], `{"id":"${id}","tags":[],"vendorId":"vendor-1"}`)
  t.match(stored['f:"tags"'], /^\d{16} \[\]$/)
})

t.test('the prefix of the link and of the store stand before the key', async (t) => {
  const { instances } = await emptyStore(t, {
    link: await openLink(t, server.url, { keyPrefix: () => 'app*:' }),
    keyPrefix: 'partner:',
  })
  await redis.hset('app1:partner:instance:b', 'json', '{"id":"b"}')
  await instances.save({ id: 'a' })
  t.equal(await redis.exists('app*:partner:instance:a'), 1)
  t.strictSame((await instances.list()).items, [{ id: 'a' }], 'and a listing stays within it')
})

t.test('a key lives for 30 days and is renewed by use, at most once a day', async (t) => {
  const { instances } = await emptyStore(t)
  await instances.save({ id: 'a' })
  t.equal(await redis.ttl('instance:a'), 30 * days)

  /** Commands of the work, until the TTL of the key is what it should be. */
  const countUntil = async (ttl: number, work: () => Promise<unknown>): Promise<Record<string, number>> => {
    const commands = await server.countCommands(async () => {
      await work()
      await eventually(async () => (await redis.ttl('instance:a')) === ttl)
    })
    delete commands['ttl']
    return commands
  }
  const age = async (hours: number): Promise<void> => {
    await redis.expire('instance:a', 29 * days)
    await redis.hincrby('instance:a', 'seen', -hours * 3_600_000)
  }

  await age(23)
  t.strictSame(await countUntil(29 * days, () => instances.get('a')), { hmget: 1 }, 'used within the day')
  await age(2)
  t.strictSame(
    await countUntil(30 * days, () => instances.get('a')),
    { hmget: 1, evalsha: 1, eval: 1 },
    'used after a day, with a script that the server learns just now',
  )
  t.strictSame(await countUntil(30 * days, () => instances.get('a')), { hmget: 1 })

  await instances.delete('a')
  const { instances: others } = await anotherStore(t)
  await others.save({ id: 'a' })
  // The server learns the script that reads many.
  await Promise.all([others.get('a'), others.get('b')])
  await age(25)
  const crowd = Array.from({ length: 20 }, () => 'a')
  t.strictSame(
    await countUntil(30 * days, () => Promise.all(crowd.map((id) => others.get(id)))),
    { evalsha: 2 },
    'many requests at once read with one command and renew with another',
  )
})

t.test('an update renews the TTL, and to be listed does not', async (t) => {
  const { instances } = await emptyStore(t)
  await instances.save({ id: 'a' })
  await redis.expire('instance:a', 10)
  await redis.hincrby('instance:a', 'seen', -25 * 3_600_000)
  await instances.list()
  t.equal(await redis.ttl('instance:a'), 10)
  await instances.update('a', { used: true })
  t.equal(await redis.ttl('instance:a'), 30 * days)
})

t.test('a renewal that runs late does not bring a deleted instance back', async (t) => {
  const { instances } = await emptyStore(t)
  await instances.save({ id: 'a' })
  await redis.hincrby('instance:a', 'seen', -25 * 3_600_000)
  await Promise.all([instances.get('a'), redis.del('instance:a')])
  await instances.get('a')
  t.equal(await redis.exists('instance:a'), 0)
})

t.test('each operation costs one command', async (t) => {
  const { instances } = await emptyStore(t)
  // The server learns each script once.
  await instances.save({ id: 'a' })
  await instances.update('a', {})
  await instances.delete('a')
  const count = (work: () => Promise<unknown>): Promise<Record<string, number>> =>
    server.countCommands(async () => {
      await work()
    })
  t.strictSame(await count(() => instances.save({ id: 'a', x: 1, y: 2 })), { evalsha: 1 })
  t.strictSame(await count(() => instances.get('a')), { hmget: 1 })
  t.strictSame(await count(() => instances.get('nobody')), { hmget: 1 })
  t.strictSame(await count(() => instances.update('a', { x: 2 })), { evalsha: 1 })
  t.strictSame(await count(() => instances.delete('a')), { evalsha: 1 })
  await Promise.all(Array.from({ length: 40 }, (_, index) => instances.save({ id: `i${index}` })))
  await instances.list()
  t.strictSame(await count(() => instances.list()), { scan: 1, evalsha: 1 }, 'a page of up to 100: two')
})

t.test('reads of one turn of the event loop share one command, and each gets its own answer', async (t) => {
  const { instances } = await emptyStore(t)
  const ids = Array.from({ length: 250 }, (_, index) => `i${index}`)
  await Promise.all(ids.map((id) => instances.save({ id, own: id })))
  await redis.set('instance:foreign', 'text')
  await Promise.all([instances.get('i0'), instances.get('i1')])

  const wanted = [...ids, 'nobody', 'i7', 'foreign']
  const commands = await server.countCommands(async () => {
    const outcomes = await Promise.allSettled(wanted.map((id) => instances.get(id)))
    for (const [index, outcome] of outcomes.entries()) {
      const id = wanted[index] ?? ''
      if (id === 'foreign') {
        t.match(outcome, {
          status: 'rejected',
          reason: { code: 'STAY_INSTANCE_CORRUPT', message: /instance:foreign/ },
        })
      } else if (id === 'nobody') t.strictSame(outcome, { status: 'fulfilled', value: undefined })
      else t.strictSame(outcome, { status: 'fulfilled', value: { id, own: id } })
    }
  })
  t.strictSame(commands, { evalsha: 3 }, '253 reads, 100 to a command')
})

t.test('a listing looks past the keys of others in few steps', async (t) => {
  const { instances } = await emptyStore(t)
  const pipeline = redis.pipeline()
  for (let index = 0; index < 20_000; index += 1) pipeline.set(`cache:${index}`, '1')
  await pipeline.exec()
  for (let index = 0; index < 20; index += 1) await instances.save({ id: `i${index}` })
  const ids = new Set<string>()
  const commands = await server.countCommands(async () => {
    let cursor: string | undefined
    do {
      const page = await instances.list({ cursor, limit: 10 })
      for (const { id } of page.items) ids.add(id)
      cursor = page.cursor
    } while (cursor !== undefined)
  })
  t.equal(ids.size, 20)
  t.ok((commands['scan'] ?? 0) < 40, `${commands['scan']} commands`)
  t.equal(commands['keys'], undefined)
})

t.test('what someone else keeps at the key is told, and is neither read nor overwritten', async (t) => {
  const { instances } = await emptyStore(t)
  const corrupt = { code: 'STAY_INSTANCE_CORRUPT', statusCode: 500 }
  const writers: ((key: string) => Promise<unknown>)[] = [
    (key) => redis.set(key, 'text'),
    (key) => redis.rpush(key, 'list'),
    (key) => redis.zadd(key, 1, 'member'),
  ]
  for (const write of writers) {
    await redis.flushall()
    await write('instance:a')
    const before = await redis.dump('instance:a')
    await t.rejects(instances.get('a'), corrupt)
    await t.rejects(instances.save({ id: 'a' }), corrupt)
    await t.rejects(instances.update('a', { b: 1 }), corrupt)
    await t.rejects(instances.delete('a'), corrupt)
    await instances.save({ id: 'b' })
    t.strictSame((await instances.list()).items, [{ id: 'b' }])
    t.equal(await redis.dump('instance:a'), before)
  }
})

t.test('a hash that is no instance is no instance, and is not overwritten', async (t) => {
  const { instances } = await emptyStore(t)
  await redis.hset('instance:a', 'other', '1')
  t.equal(await instances.get('a'), undefined)
  const corrupt = { code: 'STAY_INSTANCE_CORRUPT' }
  await t.rejects(instances.delete('a'), corrupt)
  await t.rejects(instances.update('a', { b: 1 }), corrupt)
  await t.rejects(instances.save({ id: 'a' }), corrupt)
  t.strictSame(await redis.hgetall('instance:a'), { other: '1' })
})

t.test('a document that someone broke is told, and does not hide the others from a listing', async (t) => {
  const { instances } = await emptyStore(t)
  await instances.save({ id: 'whole' })
  for (const [id, json] of [
    ['half', '{"id":"half"'],
    ['other', '{"id":"someone else"}'],
    ['number', '1'],
  ] as const) {
    await redis.hset(`instance:${id}`, 'json', json, 'stamp', '1')
    await t.rejects(instances.get(id), { code: 'STAY_INSTANCE_CORRUPT' }, id)
  }
  t.ok((await instances.list()).items.some(({ id }) => id === 'whole'))
})

t.test('stamps grow with each write, even when the clock of Redis goes back', async (t) => {
  const { instances } = await emptyStore(t)
  await instances.save({ id: 'a', x: 1 })
  const future = 9_000_000_000_000_000
  await redis.hset('instance:a', 'stamp', `${future}`, 'f:"x"', `${future} 1`)
  await instances.update('a', { x: 2 })
  t.strictSame(await redis.hmget('instance:a', 'stamp', 'f:"x"'), [`${future + 1}`, `${future + 1} 2`])
  await instances.save({ id: 'a', x: 3 })
  t.strictSame(await redis.hmget('instance:a', 'stamp', 'f:"x"'), [`${future + 2}`, `${future + 2} 3`])
})

t.test('a full server refuses a write without taking anything away, and goes on reading', async (t) => {
  const { instances } = await emptyStore(t)
  await instances.save({ id: 'a', old: 1 })
  await redis.config('SET', 'maxmemory', '1')
  t.teardown(() => redis.config('SET', 'maxmemory', '0'))
  const refused = {
    code: 'STAY_INSTANCE_NOT_WRITTEN',
    statusCode: 503,
    outcome: 'not-sent',
    canRetry: true,
    cause: { code: 'STAY_REDIS_REFUSED', reason: 'out-of-memory' },
  }
  await t.rejects(instances.save({ id: 'a', fresh: 1 }), refused)
  await t.rejects(instances.save({ id: 'b' }), refused)
  await t.rejects(instances.update('a', { fresh: 1 }), refused)
  t.strictSame(await instances.get('a'), { id: 'a', old: 1 })
  t.equal(await instances.delete('a'), true)
})

t.test('a server that has forgotten its scripts is taught them again', async (t) => {
  const { instances } = await emptyStore(t)
  await instances.save({ id: 'a' })
  await redis.script('FLUSH')
  t.match(await instances.save({ id: 'a' }), { created: false })
  t.strictSame((await instances.update('a', { x: 1 })).instance, { id: 'a', x: 1 })
})

t.test('a server like those billed by the command, with one database, does all of it', async (t) => {
  const upstash = await startRedisServer({ upstashLike: true }, t)
  const link = await openLink(t, upstash.url)
  const store = new OutageInstanceStore({ ...directly, link })
  const instances = new StoredInstances(() => store)
  t.strictSame(await instances.save({ id: 'a', x: 1 }), { durability: 'redis', created: true })
  t.strictSame((await instances.update('a', { y: [] })).instance, { id: 'a', x: 1, y: [] })
  await upstash.command('hincrby', 'instance:a', 'seen', -2 * days * 1000)
  t.strictSame(await Promise.all([instances.get('a'), instances.get('b')]), [
    { id: 'a', x: 1, y: [] },
    undefined,
  ])
  await eventually(
    async () => Number(await upstash.command('hget', 'instance:a', 'seen')) > Date.now() - days * 1000,
  )
  t.strictSame((await instances.list()).items, [{ id: 'a', x: 1, y: [] }])
  t.equal(await instances.delete('a'), true)
})
