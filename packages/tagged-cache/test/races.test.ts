import { eventually, startFaultProxy, startRedisServer } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import {
  coherent,
  CountedLoader,
  openProcess,
  type EngineSettings,
  type LinkedProcess,
} from './open-cache.js'

const server = await startRedisServer({}, t)
t.beforeEach(async () => {
  await server.command('flushall')
})

async function processes(t: Test, count: number, options: EngineSettings = {}): Promise<LinkedProcess[]> {
  const all = await Promise.all(Array.from({ length: count }, () => openProcess(t, server.url, options)))
  await coherent(all)
  return all
}

/** The first two or three of several. */
function those(all: readonly LinkedProcess[]): [LinkedProcess, LinkedProcess, LinkedProcess] {
  const [one, two = one, three = one] = all
  if (one === undefined || two === undefined || three === undefined) throw new RangeError('There are fewer.')
  return [one, two, three]
}

const tags = ['x']

t.test(
  'I1: what was loaded before an invalidation is never answered after it, here or elsewhere',
  async (t) => {
    const [one, two] = those(await processes(t, 2))
    for (const invalidator of [one, two]) {
      const loader = new CountedLoader('old')
      loader.hold()
      const begun = loader.begun()
      const slow = one.cache.getOrSet('k', loader.load, { tags })
      await begun
      loader.value = 'new'
      t.strictSame(await invalidator.cache.invalidateTags(tags), { delivered: true, durability: 'redis' })
      loader.release()
      t.equal(await slow, 'old', 'it had begun before')
      await one.engine.settled()
      for (const { cache } of [one, two]) t.equal(await cache.getOrSet('k', loader.load, { tags }), 'new')
      t.equal(loader.calls, 2)
      await one.cache.clear()
    }
  },
)

t.test('I1: a refresh beside the answer obeys the same rule', async (t) => {
  const [one, two] = those(await processes(t, 2))
  const loader = new CountedLoader('first')
  const options = { tags, ttlSeconds: 0.1, staleWhileRevalidateSeconds: 60 }
  await one.cache.getOrSet('k', loader.load, options)
  await new Promise((resolve) => setTimeout(resolve, 150))
  loader.hold()
  loader.value = 'old'
  const begun = loader.begun()
  t.equal(await one.cache.getOrSet('k', loader.load, options), 'first')
  await begun
  loader.value = 'new'
  t.equal((await two.cache.invalidateTags(tags)).delivered, true)
  loader.release()
  for (const { cache } of [one, two]) t.equal(await cache.getOrSet('k', loader.load, options), 'new')
})

t.test('I1: who waits for the lock of a load that began before is not held up by it', async (t) => {
  const [one, two, three] = those(await processes(t, 3))
  const loader = new CountedLoader('old')
  loader.hold()
  const begun = loader.begun()
  const slow = one.cache.getOrSet('k', loader.load, { tags })
  await begun
  const after = new CountedLoader('new')
  const waiting = two.cache.getOrSet('k', after.load, { tags })
  await new Promise((resolve) => setTimeout(resolve, 60))
  t.equal(after.calls, 0, 'it waits for the lock')
  await three.cache.invalidateTags(tags)
  t.equal(await three.cache.getOrSet('k', after.load, { tags }), 'new', 'while the old load still runs')
  t.equal(await waiting, 'new')
  t.equal(await two.cache.getOrSet('k', after.load, { tags }), 'new')
  t.ok(after.calls <= 2)
  loader.release()
  t.equal(await slow, 'old')
  await one.engine.settled()
  for (const { cache } of [one, two, three]) t.equal(await cache.getOrSet('k', after.load, { tags }), 'new')
})

t.test('I2: nobody joins a load that began before an invalidation', async (t) => {
  const [one, two] = those(await processes(t, 2))
  for (const invalidator of [one, two]) {
    const loader = new CountedLoader('old')
    loader.hold()
    const begun = loader.begun()
    const before = one.cache.getOrSet('k', loader.load, { tags })
    await begun
    const joinedBefore = one.engine.counters.coalesced
    const joined = one.cache.getOrSet('k', loader.load, { tags })
    await eventually(() => one.engine.counters.coalesced > joinedBefore)
    loader.value = 'new'
    await invalidator.cache.invalidateTags(tags)
    const after = one.cache.getOrSet('k', loader.load, { tags })
    await eventually(() => loader.calls === 2)
    loader.release()
    t.strictSame(await Promise.all([before, joined, after]), ['old', 'old', 'new'])
    await one.cache.clear()
  }
})

t.test('I2: nor a look at Redis that began before it', async (t) => {
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const openSubscriber = (): Redis =>
    new Redis(server.url, { lazyConnect: true, maxRetriesPerRequest: 0, enableOfflineQueue: false })
  const slow = await openProcess(t, proxy.url(server.url), { lock: false }, { openSubscriber })
  const quick = await openProcess(t, server.url)
  await coherent([slow, quick])
  await quick.cache.set('k', 'old', { tags })
  proxy.latency(400)
  const before = slow.cache.get('k')
  await new Promise((resolve) => setTimeout(resolve, 250))
  // By now Redis has answered, and its answer is on its way.
  const told = quick.cache.invalidateTags(tags)
  await eventually(() => slow.engine.changes > 0)
  const after = slow.cache.getOrSet('k', () => 'new', { tags })
  t.not(await before, 'new')
  t.equal(await after, 'new')
  t.equal((await told).delivered, true)
  t.equal(await slow.cache.getOrSet('k', () => 'newer', { tags }), 'new')
})

t.test('I4: a reply that is slower than a message does not bring the older version back', async (t) => {
  const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
  const openSubscriber = (): Redis =>
    new Redis(server.url, { lazyConnect: true, maxRetriesPerRequest: 0, enableOfflineQueue: false })
  const slow = await openProcess(t, proxy.url(server.url), {}, { openSubscriber })
  const quick = await openProcess(t, server.url)
  await coherent([slow, quick])
  await quick.cache.set('k', 'old', { tags })
  await quick.cache.set('other', 'old', { tags })
  proxy.latency(400)
  const read = slow.cache.getOrSet('k', () => 'loaded', { tags })
  await new Promise((resolve) => setTimeout(resolve, 250))
  const told = quick.cache.invalidateTags(tags)
  await eventually(() => slow.engine.changes > 0)
  await read
  t.equal((await told).delivered, true)
  await proxy.restore()
  for (const key of ['k', 'other']) {
    const value = await slow.cache.getOrSet(key, () => 'new', { tags })
    t.not(value, 'old', `${key} was read with the version from before`)
  }
})

t.test('I5: invalidations of one tag that cross leave all processes with the version of Redis', async (t) => {
  const all = await processes(t, 3)
  for (let round = 0; round < 30; round++) {
    for (const { cache } of all) await cache.getOrSet('k', () => 'old', { tags })
    const results = await Promise.all(all.map(({ cache }) => cache.invalidateTags(tags)))
    t.ok(results.every(({ delivered }) => delivered))
    const value = `round ${round}`
    const [first] = those(all)
    t.equal(await first.cache.getOrSet('k', () => value, { tags }), value)
    await first.engine.settled()
    for (const { cache } of all) t.equal(await cache.getOrSet('k', () => 'loaded twice', { tags }), value)
    await first.cache.invalidateTags(tags)
  }
})

t.test('I3: whatever is evicted or flushed, nothing that was invalidated comes back', async (t) => {
  const [one, two] = those(await processes(t, 2))
  for (const lost of ['tag:x', 'tag:', 'cache:k', 'all']) {
    const loader = new CountedLoader('old')
    await one.cache.getOrSet('k', loader.load, { tags })
    await two.cache.getOrSet('k', loader.load, { tags })
    await one.engine.settled()
    loader.value = 'new'
    await two.cache.invalidateTags(tags)
    if (lost === 'all') await server.command('flushall')
    else await server.command('del', lost)
    const fresh = await openProcess(t, server.url)
    for (const { cache } of [fresh, one, two]) {
      t.equal(await cache.getOrSet('k', loader.load, { tags }), 'new', `after the loss of ${lost}`)
    }
    await one.cache.clear()
  }
})

t.test('I3: an entry whose tag was evicted is a miss, for it equals nothing', async (t) => {
  const [one] = those(await processes(t, 1))
  await one.cache.getOrSet('k', () => 'old', { tags })
  await one.engine.settled()
  await server.command('del', 'tag:x')
  const fresh = await openProcess(t, server.url)
  t.equal(await fresh.cache.get('k'), undefined)
  t.equal(await fresh.cache.getOrSet('k', () => 'new', { tags }), 'new')
})

t.test('a tag that was evicted is made anew by those who know it, whichever way they store', async (t) => {
  const options = { recheckTagsMs: 100 }
  const [locking] = those(await processes(t, 1, options))
  const [free] = those(await processes(t, 1, { ...options, lock: false }))
  const stores: Record<string, () => Promise<unknown>> = {
    set: () => locking.cache.set('k', 'value', { tags }),
    'a load without lock': async () => {
      await free.cache.delete('k')
      await free.cache.getOrSet('k', () => 'value', { tags })
      await free.engine.settled()
    },
    'a refresh without lock': async () => {
      const options = { tags, ttlSeconds: 0.01, staleWhileRevalidateSeconds: 60 }
      await free.cache.getOrSet('refreshed', () => 'value', options)
      await free.engine.settled()
    },
  }
  for (const [how, store] of Object.entries(stores)) {
    const key = how === 'a refresh without lock' ? 'refreshed' : 'k'
    await store()
    await server.command('del', 'tag:x', 'tag:')
    const fresh = await openProcess(t, server.url)
    await eventually(
      async () => {
        await store()
        return (await fresh.cache.get(key)) === 'value'
      },
      { everyMs: 20, withinMs: 5000 },
    ).catch((error: unknown) => {
      t.fail(how, { found: String(error) })
    })
  }
})

t.test('without a lease each read asks Redis, and strong ones always do', async (t) => {
  const [one, two] = those(await processes(t, 2))
  await one.cache.set('k', 'old', { tags })
  t.equal(await two.cache.get('k'), 'old')
  // Behind the back of everybody: only who asks can know.
  await server.command('set', 'tag:x', 'other.1')
  t.equal(await two.cache.get('k'), 'old')
  t.equal(await two.cache.get('k', { consistency: 'strong' }), undefined)
  t.equal(await two.cache.getOrSet('k', () => 'new', { tags, consistency: 'strong' }), 'new')
})

t.test('what another process sets or deletes is heard', async (t) => {
  const [one, two] = those(await processes(t, 2))
  await one.cache.set('k', 1)
  t.equal(await two.cache.get('k'), 1)
  await one.cache.set('k', 2)
  await eventually(async () => (await two.cache.get('k')) === 2)
  t.strictSame(await one.cache.delete('k'), { delivered: true, durability: 'redis' })
  t.equal(await two.cache.get('k'), undefined)
})

t.test('two values that are set for one key at once end alike in every process', async (t) => {
  const [one, two] = those(await processes(t, 2))
  await one.cache.set('warm', 0)
  // The first asks for its tag before it writes; the second knows all of its own.
  await Promise.all([one.cache.set('k', 'first', { tags: ['unknown'] }), one.cache.set('k', 'second')])
  t.equal(await one.cache.get('k'), await two.cache.get('k'))
})

t.test('a delete of another process keeps a load that is under way from storing', async (t) => {
  for (const lock of [true, false]) {
    const [one, two] = those(await processes(t, 2, { lock }))
    const loader = new CountedLoader('old')
    loader.hold()
    const begun = loader.begun()
    const slow = one.cache.getOrSet('k', loader.load)
    await begun
    loader.value = 'new'
    t.equal((await two.cache.delete('k')).delivered, true)
    loader.release()
    t.equal(await slow, 'old')
    await one.engine.settled()
    for (const { cache } of [one, two]) t.equal(await cache.getOrSet('k', loader.load), 'new')
    await one.cache.clear()
  }
})

t.test(
  'a tag that the loader adds is safe from an invalidation of another process while it runs',
  async (t) => {
    const [one, two] = those(await processes(t, 2))
    for (const evicted of [false, true]) {
      await one.cache.clear()
      const loaded = await one.cache.getOrSet('k', async ({ addTags }) => {
        await two.cache.invalidateTags(['late'])
        if (evicted) await server.command('del', 'tag:late')
        addTags(['late'])
        return 'old'
      })
      t.equal(loaded, 'old')
      await one.engine.settled()
      for (const { cache } of [one, two]) t.equal(await cache.get('k'), undefined)
    }
  },
)
