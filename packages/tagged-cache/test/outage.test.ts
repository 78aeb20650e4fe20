import { startLink } from '@stayfast/link-test-kit'
import {
  eventually,
  reaches,
  type RedisServer,
  startFaultProxy,
  startRedisServer,
  startStopwatch,
} from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import {
  coherent,
  CountedLoader,
  openCache,
  openProcess,
  type EngineSettings,
  type LinkedProcess,
} from './open-cache.js'

const tags = ['x']

async function two(
  t: Test,
  server: RedisServer,
  options: EngineSettings = {},
): Promise<[LinkedProcess, LinkedProcess]> {
  const all: [LinkedProcess, LinkedProcess] = [
    await openProcess(t, server.url, options),
    await openProcess(t, server.url, options),
  ]
  await coherent(all)
  return all
}

async function bothUp(...processes: LinkedProcess[]): Promise<void> {
  for (const { link } of processes) await reaches(link, 'up', 10_000)
  await eventually(() => processes.every(({ engine }) => engine.sizes.buffered === 0), { withinMs: 10_000 })
}

function timed<T>(work: () => Promise<T>): Promise<{ value: T; tookMs: number }> {
  const elapsedMs = startStopwatch()
  return work().then((value) => ({ value, tookMs: elapsedMs() }))
}

t.test(
  'refused: what is known is answered for outageStaleSeconds, then the loader runs; nobody waits',
  async (t) => {
    const server = await startRedisServer({}, t)
    const { cache, link, engine } = await openProcess(t, server.url, { outageStaleSeconds: 4, leaseMs: 600 })
    await cache.getOrSet('k', () => 'known', { tags })
    await engine.settled()
    await Promise.all([reaches(link, 'down', 10_000), server.kill()])
    const loader = new CountedLoader('loaded')
    const known = await timed(() => cache.getOrSet('k', loader.load, { tags }))
    t.equal(known.value, 'known')
    t.equal(await cache.get('k'), 'known')
    t.equal(await cache.get('k', { consistency: 'strong' }), undefined, 'strong answers nothing from memory')
    const unknown = await timed(() => cache.getOrSet('other', loader.load, { tags }))
    t.equal(unknown.value, 'loaded')
    t.ok(known.tookMs < 250 && unknown.tookMs < 250)
    t.equal(await cache.getOrSet('other', loader.load, { tags }), 'loaded')
    t.equal(loader.calls, 1, 'what is loaded in the outage is kept for as long')
    await eventually(async () => (await cache.getOrSet('k', loader.load, { tags })) === 'loaded', {
      withinMs: 8000,
      everyMs: 100,
    })
    t.equal(loader.calls, 2)
  },
)

t.test(
  'I7: an invalidation while Redis is away holds here at once, and everywhere when it is back',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const [one, other] = await two(t, server)
    for (const { cache } of [one, other]) await cache.getOrSet('k', () => 'old', { tags })
    await one.engine.settled()
    await server.kill()
    await Promise.all([reaches(one.link, 'down', 10_000), reaches(other.link, 'down', 10_000)])
    t.strictSame(await one.cache.invalidateTags(tags), { delivered: false, durability: 'buffered' })
    t.equal(await one.cache.get('k'), undefined)
    t.equal(await one.cache.getOrSet('k', () => 'new', { tags }), 'new')
    t.equal(await other.cache.get('k'), 'old', 'it cannot know yet')
    t.equal(one.engine.sizes.buffered, 1)
    await server.restart({ keepData: true })
    await bothUp(one, other)
    for (const { cache } of [one, other]) {
      await eventually(async () => (await cache.get('k')) !== 'old', { withinMs: 3000 })
      t.equal(
        await cache.getOrSet('k', () => 'newer', { tags }),
        'newer',
        'what was loaded in the outage is over',
      )
      await cache.clear()
    }
  },
)

t.test(
  'I7: what waits for Redis counts as unknown: its old entry is not read when the link is up',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const { cache, link, engine } = await openProcess(t, server.url)
    for (let index = 0; index < 300; index++) await cache.set(`k${index}`, 'old', { tags: [`x${index}`] })
    await server.kill()
    await reaches(link, 'down', 10_000)
    for (let index = 0; index < 300; index++) await cache.invalidateTags([`x${index}`])
    t.equal(engine.sizes.buffered, 300)
    await server.restart({ keepData: true })
    await reaches(link, 'up', 10_000)
    const seen = await Promise.all(Array.from({ length: 300 }, (_, index) => cache.get(`k${index}`)))
    t.ok(engine.counters.invalidations > 0)
    t.ok(
      seen.every((value) => value === undefined),
      'while they are replayed',
    )
  },
)

t.test('more invalidations than there is room for make everything a miss, and none is lost', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const [one, other] = await two(t, server, { maxBufferedInvalidations: 5 })
  for (const key of ['a', 'b', 'c']) await other.cache.getOrSet(key, () => 'old', { tags: [key] })
  await other.engine.settled()
  await server.kill()
  await reaches(one.link, 'down', 10_000)
  for (let index = 0; index < 50; index++) await one.cache.invalidateTags([`other ${index}`])
  await one.cache.invalidateTags(['a'])
  t.ok(one.engine.sizes.buffered <= 6)
  const loader = new CountedLoader('loaded')
  for (let index = 0; index < 10; index++) {
    t.equal(await one.cache.getOrSet('loaded in the outage', loader.load), 'loaded')
    await one.cache.set(`set ${index}`, index)
    t.equal(await one.cache.get(`set ${index}`), index)
  }
  t.equal(loader.calls, 1, 'once everything waits, one more makes no misses here')
  t.ok(one.engine.sizes.buffered <= 6)
  await server.restart({ keepData: true })
  await bothUp(one, other)
  for (const key of ['a', 'b', 'c']) {
    await eventually(async () => (await other.cache.get(key)) === undefined, { withinMs: 3000 })
  }
})

t.test(
  'a key that was set or deleted while Redis was away is not answered from before when it is back',
  async (t) => {
    const server = await startRedisServer({ appendOnly: true }, t)
    const [one, other] = await two(t, server)
    for (const key of ['set', 'deleted']) await one.cache.set(key, 'old')
    t.strictSame(await other.cache.getMany(['set', 'deleted']), ['old', 'old'])
    await server.kill()
    await reaches(one.link, 'down', 10_000)
    t.strictSame(await one.cache.set('set', 'new'), { durability: 'buffered' })
    t.strictSame(await one.cache.delete('deleted'), { delivered: false, durability: 'buffered' })
    t.strictSame(await one.cache.getMany(['set', 'deleted']), ['new', undefined])
    await server.restart({ keepData: true })
    await bothUp(one, other)
    for (const { cache } of [one, other]) {
      await eventually(
        async () => (await cache.getMany(['set', 'deleted'])).every((value) => value === undefined),
        { withinMs: 3000 },
      )
    }
  },
)

t.test(
  'I6: a subscriber that is cut off alone costs a command for each read, and nothing stale',
  async (t) => {
    const server = await startRedisServer({}, t)
    const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
    const openSubscriber = (): Redis =>
      new Redis(proxy.url(server.url), {
        lazyConnect: true,
        maxRetriesPerRequest: 0,
        enableOfflineQueue: false,
        retryStrategy: () => 100,
      })
    const one = await openProcess(t, server.url)
    const cut = await openProcess(t, server.url, {}, { openSubscriber })
    await coherent([one, cut])
    await one.cache.getOrSet('k', () => 'old', { tags })
    await one.engine.settled()
    t.equal(await cut.cache.get('k'), 'old')
    await proxy.refuse()
    await eventually(() => cut.engine.shared?.trusted === false, { withinMs: 5000 })
    t.equal(await cut.cache.get('k'), 'old', 'it asks')
    t.match(await one.cache.invalidateTags(tags), { durability: 'redis' })
    t.equal(await cut.cache.get('k'), undefined)
    await one.cache.getOrSet('k', () => 'new', { tags })
    await one.engine.settled()
    t.equal(await cut.cache.get('k'), 'new')
    await proxy.restore()
    await eventually(() => cut.engine.shared?.trusted === true, { withinMs: 8000 })
    await one.cache.invalidateTags(tags)
    t.equal(await cut.cache.get('k'), undefined)
  },
)

t.test(
  'I6: a half-open process is waited for until its lease is over, and then answers nothing stale',
  async (t) => {
    const server = await startRedisServer({}, t)
    const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
    const one = await openProcess(t, server.url, { leaseMs: 1000 })
    const cut = await openProcess(t, proxy.url(server.url), { leaseMs: 1000, outageStaleSeconds: 1 })
    await coherent([one, cut])
    await one.cache.getOrSet('k', () => 'old', { tags })
    await one.engine.settled()
    t.equal(await cut.cache.get('k'), 'old')
    proxy.blackHole()
    t.strictSame(await one.cache.invalidateTags(tags), { delivered: true, durability: 'redis' })
    t.notOk(cut.engine.shared?.trusted)
    await eventually(async () => (await cut.cache.get('k')) === undefined, { withinMs: 5000 })
    await proxy.restore()
    await reaches(cut.link, 'up', 10_000)
    t.equal(await cut.cache.get('k'), undefined)
  },
)

t.test(
  'messages that are lost cost a process its lease, and it answers nothing stale behind it',
  async (t) => {
    const server = await startRedisServer({}, t)
    const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
    const openSubscriber = (): Redis =>
      new Redis(proxy.url(server.url), {
        lazyConnect: true,
        maxRetriesPerRequest: 0,
        enableOfflineQueue: false,
      })
    const one = await openProcess(t, server.url, { leaseMs: 1000 })
    const deaf = await openProcess(t, server.url, { leaseMs: 1000 }, { openSubscriber })
    await coherent([one, deaf])
    await one.cache.getOrSet('k', () => 'old', { tags })
    await one.engine.settled()
    t.equal(await deaf.cache.get('k'), 'old')
    // Its commands work, its subscription is open, and nothing comes through it.
    proxy.blackHole()
    t.match(await one.cache.invalidateTags(tags), { durability: 'redis' })
    t.equal(await deaf.cache.get('k'), undefined)
    t.equal(await deaf.cache.getOrSet('k', () => 'new', { tags }), 'new')
  },
)

t.test('a frozen Redis costs one deadline, once', async (t) => {
  const server = await startRedisServer({}, t)
  const { cache, link } = await openProcess(t, server.url, {}, { deadlineMs: 300 })
  await cache.getOrSet('k', () => 'known', { tags })
  server.freeze()
  const first = await timed(() => cache.getOrSet('cold', () => 'loaded', { tags }))
  t.equal(first.value, 'loaded')
  t.ok(first.tookMs < 3000, `${first.tookMs} ms`)
  await eventually(() => link.status !== 'up', { withinMs: 5000 })
  const second = await timed(() => cache.getOrSet('colder', () => 'loaded', { tags }))
  t.ok(second.tookMs < 250, `${second.tookMs} ms`)
  t.equal((await cache.invalidateTags(tags)).durability, 'buffered')
  t.equal(await cache.get('k'), undefined)
  server.thaw()
  await reaches(link, 'up', 10_000)
  await eventually(async () => (await cache.getOrSet('k', () => 'new', { tags })) === 'new')
})

t.test('an invalidation that timed out and runs after the thaw brings nothing back', async (t) => {
  const server = await startRedisServer({}, t)
  const { cache, link, engine } = await openProcess(t, server.url, {}, { deadlineMs: 300 })
  await cache.getOrSet('k', () => 'first', { tags })
  await engine.settled()
  server.freeze()
  t.equal((await cache.invalidateTags(tags)).durability, 'buffered')
  server.thaw()
  await reaches(link, 'up', 10_000)
  await eventually(() => engine.sizes.buffered === 0)
  t.not(await cache.get('k'), 'first')
  const fresh = await openProcess(t, server.url)
  t.equal(await fresh.cache.get('k'), undefined)
})

t.test(
  'a Redis that comes back empty is filled again, and hits are told from nothing but its word',
  async (t) => {
    const server = await startRedisServer({}, t)
    const [one, other] = await two(t, server)
    for (const { cache } of [one, other]) await cache.getOrSet('k', () => 'old', { tags })
    await server.restart()
    await bothUp(one, other)
    await coherent([one, other])
    for (const { cache } of [one, other]) t.equal(await cache.getOrSet('k', () => 'new', { tags }), 'new')
  },
)

t.test('an invalidation of the last minute holds against a Redis that lost it', async (t) => {
  const server = await startRedisServer({ appendOnly: true }, t)
  const { cache, link, engine } = await openProcess(t, server.url)
  await cache.getOrSet('k', () => 'old', { tags })
  await engine.settled()
  const [version, entry] = [await server.command('get', 'tag:x'), await server.command('get', 'cache:k')]
  await cache.invalidateTags(tags)
  // A replica took over that had not heard of the invalidation.
  await server.command('set', 'tag:x', String(version))
  await server.command('set', 'cache:k', String(entry))
  await server.restart({ keepData: true })
  await eventually(() => link.counters.connected === 2 && link.status === 'up', { withinMs: 10_000 })
  await eventually(() => engine.sizes.buffered === 0)
  t.equal(await cache.get('k'), undefined)
  const fresh = await openProcess(t, server.url)
  t.equal(await fresh.cache.get('k'), undefined)
})

t.test('a full Redis: invalidations go through, values are loaded and kept here', async (t) => {
  const server = await startRedisServer({}, t)
  const [one, other] = await two(t, server)
  for (const { cache } of [one, other]) await cache.getOrSet('k', () => 'old', { tags })
  await one.engine.settled()
  await server.fillMemory()
  t.strictSame(await one.cache.invalidateTags(tags), { delivered: true, durability: 'redis' })
  for (const { cache } of [one, other]) t.equal(await cache.getOrSet('k', () => 'new', { tags }), 'new')
  const first = new CountedLoader('first seen')
  for (let call = 0; call < 3; call++) {
    t.equal(await one.cache.getOrSet('first', first.load, { tags: ['never seen'] }), 'first seen')
  }
  t.equal(first.calls, 1, 'tags that nobody has seen yet keep no value from being kept')
  t.equal((await one.cache.set('s', 1)).durability, 'buffered')
  t.equal(await one.cache.get('s'), 1)
  await one.cache.set('s', 1, { tags })
  await eventually(() => one.engine.sizes.buffered === 0)
  t.equal(await one.cache.get('s'), 1)
  t.equal(await other.cache.get('s'), undefined)
  await other.cache.invalidateTags(tags)
  t.equal(await one.cache.get('s'), undefined)
  t.equal((await one.cache.delete('k')).durability, 'redis')
  await server.freeMemory()
  await eventually(async () => (await one.cache.set('s', 2)).durability === 'redis')
  t.equal(await other.cache.get('s'), 2)
})

t.test('a read-only Redis: reads go on, invalidations wait', async (t) => {
  const server = await startRedisServer({}, t)
  const { cache, engine } = await openProcess(t, server.url)
  await cache.getOrSet('k', () => 'old', { tags })
  await engine.settled()
  await server.becomeReadOnly()
  t.equal((await cache.invalidateTags(tags)).durability, 'buffered')
  t.equal(await cache.getOrSet('k', () => 'new', { tags }), 'new')
  await server.becomeWritable()
  await eventually(() => engine.sizes.buffered === 0, { withinMs: 15_000 })
  const fresh = await openProcess(t, server.url)
  t.equal(await fresh.cache.get('k'), undefined)
})

t.test('down at start: it works from memory, and picks Redis up when it appears', async (t) => {
  const server = await startRedisServer({}, t)
  await server.kill()
  const link = startLink(t, server.url)
  const { cache, engine } = openCache(t, link)
  const loader = new CountedLoader(1)
  t.equal(await cache.getOrSet('k', loader.load, { tags }), 1)
  t.equal(await cache.getOrSet('k', loader.load, { tags }), 1)
  t.equal(loader.calls, 1)
  t.equal((await cache.invalidateTags(tags)).durability, 'buffered')
  t.equal(await cache.getOrSet('k', loader.load, { tags }), 1)
  t.equal(loader.calls, 2)
  await server.restart()
  await reaches(link, 'up', 10_000)
  await eventually(() => engine.shared?.trusted === true && engine.sizes.buffered === 0, { withinMs: 10_000 })
  await cache.getOrSet('k', loader.load, { tags })
  await engine.settled()
  const other = await openProcess(t, server.url)
  t.equal(await other.cache.get('k'), 1)
})

t.test('a close while Redis is away says how many invalidations are lost', async (t) => {
  const server = await startRedisServer({}, t)
  const { cache, engine, link } = await openProcess(t, server.url)
  await server.kill()
  await reaches(link, 'down', 10_000)
  await cache.invalidateTags(['a', 'b'])
  t.equal(await engine.close(100), 2)
})

t.test('somebody else’s data at a key is a miss, and is replaced', async (t) => {
  const server = await startRedisServer({}, t)
  const { cache, engine, events } = await openProcess(t, server.url)
  for (const foreign of ['', 'x', '{"a":1}', 'x\ny\nz', '01234567890123 v\n["j",1,2,3,4,["x"]]\n{', '\n\n']) {
    await server.command('set', 'cache:k', foreign)
    t.equal(await cache.get('k'), undefined)
    t.equal(await cache.getOrSet('k', () => 'new'), 'new')
    await engine.settled()
    await cache.delete('k')
  }
  t.ok(events.some(({ kind }) => kind === 'unreadable'))
  await server.command('rpush', 'cache:list', 'x')
  t.equal(await cache.getOrSet('list', () => 'new'), 'new')
})

t.test('a torn value under a right header is a miss', async (t) => {
  const server = await startRedisServer({}, t)
  const { cache, engine } = await openProcess(t, server.url)
  await cache.set('k', { a: 1 }, { tags })
  await engine.settled()
  const text = String(await server.command('get', 'cache:k'))
  await server.command('set', 'cache:k', text.slice(0, -2))
  const fresh = await openProcess(t, server.url)
  t.equal(await fresh.cache.get('k'), undefined)
  t.equal(await fresh.cache.getOrSet('k', () => 'new', { tags }), 'new')
})
