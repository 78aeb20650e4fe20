import t from 'tap'
import { entryTail, entryText, idLength, parseEntry, type StoredEntry } from '../dist/redis/entry-text.js'
import { TurnClock } from '../dist/turn-clock.js'
import { cacheContract } from './cache-contract.js'
import { openCache } from './open-cache.js'

cacheContract(t, async (t, options) => openCache(t, undefined, options), { shared: false })

t.test('memory is bounded in entries and in bytes, and drops what was used longest ago', async (t) => {
  const { cache, engine } = openCache(t, undefined, { maxLocalEntries: 10, maxLocalBytes: 20_000 })
  for (let index = 0; index < 100; index++) {
    await cache.set(`k${index}`, index, { tags: [`t${index}`] })
    await cache.get('k0')
  }
  t.equal(engine.size, 10)
  t.equal(await cache.get('k0'), 0)
  t.equal(await cache.get('k1'), undefined)
  await cache.set('large', 'x'.repeat(18_000))
  t.ok(engine.sizes.bytes <= 20_000)
  await cache.set('too large for memory', 'x'.repeat(30_000))
  t.ok(engine.sizes.bytes <= 20_000)
  t.ok(engine.stats().local.evictions > 0)
})

t.test('a loader that returns 50 MB is answered, and nothing of it stays', async (t) => {
  const { cache, engine, events } = openCache(t, undefined)
  const large = 'x'.repeat(50 * 1_048_576)
  const answered = await cache.getOrSet('k', () => large)
  t.equal(answered.length, large.length)
  t.equal(engine.size, 0)
  t.ok(events.some((event) => event.kind === 'not-stored' && event.reason === 'too-large'))
})

t.test(
  'lists of tags are remembered once for all entries that have them, long ones not at all',
  async (t) => {
    const parsed = (tags: readonly string[]): StoredEntry | undefined => {
      const times = { createdMs: 1, freshUntilMs: 2, staleUntilMs: 2, errorUntilMs: 2 }
      const versions = tags.map((tag) => `${tag}.1`)
      return parseEntry(
        entryText('x'.repeat(idLength), versions, entryTail({ codec: 'j', ...times, tags }, '1')),
      )
    }
    for (const [count, remembered] of [
      [3, true],
      [1000, false],
    ] as const) {
      const tags = Array.from({ length: count }, (_, index) => `product:${index}`)
      const [one, other] = [parsed(tags), parsed(tags)]
      t.strictSame(one?.tags, tags)
      t.equal(one?.tags === other?.tags, remembered)
      t.equal(one?.versions === other?.versions, remembered)
    }
  },
)

t.test('a hit looks at the clock and the lease once a turn, and never for longer', async (t) => {
  const lease = { running: true, asked: 0 }
  const clock = new TurnClock(() => {
    lease.asked += 1
    return lease.running
  })
  const looks = (count: number): boolean => {
    for (let look = 0; look < count; look++) clock.look()
    return clock.covered
  }
  t.equal(looks(10), true)
  t.equal(lease.asked, 1)
  lease.running = false
  t.equal(looks(1), true, 'it is still the same turn')
  t.equal(looks(64), false, 'a turn that does not end is none')
  lease.running = true
  await Promise.resolve()
  t.equal(looks(1), false, 'a promise is no other turn')
  await new Promise((resolve) => setImmediate(resolve))
  t.equal(looks(1), true)
  const beforeMs = clock.nowMs
  await new Promise((resolve) => setTimeout(resolve, 5))
  clock.look()
  t.ok(clock.nowMs > beforeMs)
})

t.test('a tag that no entry has any more is forgotten, up to a bound', async (t) => {
  const { cache, engine } = openCache(t, undefined, { maxLocalEntries: 10 })
  for (let index = 0; index < 15_000; index++) await cache.set('k', index, { tags: [`t${index}`] })
  t.ok(engine.sizes.tags <= 10_010, String(engine.sizes.tags))
})

t.test('an entry hears of an invalidation however many tags have come and gone since', async (t) => {
  const { cache } = openCache(t, undefined)
  await cache.set('k', 1, { tags: ['kept'] })
  for (let index = 0; index < 12_000; index++) await cache.invalidateTags([`t${index}`])
  t.equal(await cache.get('k'), 1)
  await cache.invalidateTags(['kept'])
  t.equal(await cache.get('k'), undefined)
})
