import type { LinkTraits } from '@stayfast/redis-kit'
import { startRedisServer } from '@stayfast/test-kit'
import t, { type Test } from 'tap'
import { openProcess, type EngineSettings, type LinkedProcess } from './open-cache.js'

const server = await startRedisServer({}, t)
t.beforeEach(async () => {
  await server.command('flushall')
})

/** A process whose bus and link are quiet, so that only what is counted is sent. */
function quiet(
  t: Test,
  options: EngineSettings = {},
  traits: Partial<LinkTraits> = {},
): Promise<LinkedProcess> {
  return openProcess(t, server.url, { leaseMs: 120_000, ...options }, { heartbeatMs: false, traits })
}

/** So that no script is sent as a whole while commands are counted. */
async function teachScripts({ cache }: LinkedProcess): Promise<void> {
  await cache.getOrSet('taught', () => 1, { tags: ['taught'] })
  await cache.set('taught', 1, { tags: ['taught'] })
  await cache.delete('taught')
  await cache.invalidateTags(['taught'])
}

const tags = ['vendor:1', 'products']

t.test(
  'a hit costs nothing from memory and one command from Redis, whether its tags are known or not',
  async (t) => {
    const [one, two, three] = [await quiet(t), await quiet(t), await quiet(t)]
    await teachScripts(one)
    await one.cache.getOrSet('k', () => 1, { tags })
    await one.cache.getOrSet('k2', () => 2, { tags })
    await one.engine.settled()
    t.strictSame(await server.countCommands(() => one.cache.getOrSet('k', () => 9, { tags })), {})
    t.strictSame(await server.countCommands(() => two.cache.getOrSet('k', () => 9, { tags })), { mget: 1 })
    t.strictSame(await server.countCommands(() => two.cache.getOrSet('k2', () => 9, { tags })), { mget: 1 })
    t.strictSame(await server.countCommands(() => two.cache.getOrSet('k', () => 9, { tags })), {})
    t.strictSame(
      await server.countCommands(() => three.cache.get('k')),
      { mget: 2 },
      'get names no tags: those of the entry are read behind it, once',
    )
    t.strictSame(await server.countCommands(() => three.cache.get('k2')), { mget: 1 })
  },
)

t.test('a strong read costs one command each time', async (t) => {
  const { cache, engine } = await quiet(t)
  await cache.getOrSet('k', () => 1, { tags })
  await engine.settled()
  for (let call = 0; call < 2; call++) {
    const sent = await server.countCommands(() =>
      cache.getOrSet('k', () => 9, { tags, consistency: 'strong' }),
    )
    t.strictSame(sent, { mget: 1 })
  }
})

t.test('many at once cost one command where each has its price, elsewhere one for 32 of them', async (t) => {
  const writer = await quiet(t)
  const keys = Array.from({ length: 100 }, (_, index) => `k${index}`)
  for (const key of keys) await writer.cache.set(key, key, { tags })
  for (const [billedByCommand, commands] of [
    [true, 1],
    [false, 4],
  ] as const) {
    const { cache } = await quiet(t, {}, { billedByCommand })
    // It knows the tags from then on.
    await cache.getMany(['k0'])
    const sent = await server.countCommands(async () => {
      t.strictSame(await cache.getMany(keys), keys)
    })
    t.strictSame(sent, { mget: commands })
  }
})

t.test('misses of one turn share their commands', async (t) => {
  // Read with one command: the answers of several may come in several turns.
  const locking = await quiet(t, {}, { billedByCommand: true })
  await teachScripts(locking)
  const free = await quiet(t, { lock: false }, { billedByCommand: true })
  await Promise.all(['a', 'b'].map((key) => free.cache.getOrSet(`taught ${key}`, () => key, { tags })))
  await free.engine.settled()
  const keys = Array.from({ length: 40 }, (_, index) => `k${index}`)
  for (const [{ cache, engine }, commands] of [
    [locking, { mget: 1, evalsha: 2 }],
    [free, { mget: 1, evalsha: 1 }],
  ] as const) {
    const sent = await server.countCommands(async () => {
      const values = await Promise.all(keys.map((key) => cache.getOrSet(key, () => key, { tags })))
      t.strictSame(values, keys)
      await engine.settled()
    })
    t.strictSame(sent, commands)
    t.equal(await server.command('exists', ...keys.map((key) => `cache:${key}`)), keys.length)
    t.equal(await server.command('exists', ...keys.map((key) => `lock:{cache:${key}}`)), 0)
    await cache.clear()
    await server.command('del', ...keys.map((key) => `cache:${key}`))
  }
})

t.test(
  'a value that Redis refuses, and a key that is no entry, leave the others of their turn alone',
  async (t) => {
    const { cache, engine } = await quiet(t)
    await server.command('rpush', 'cache:list', 'x')
    const keys = ['one', 'list', 'two']
    const values = await Promise.all(keys.map((key) => cache.getOrSet(key, () => key, { tags })))
    t.strictSame(values, keys)
    await engine.settled()
    t.equal(await server.command('exists', 'cache:one', 'cache:two'), 2)
    t.equal(await server.command('type', 'cache:list'), 'list')
  },
)

t.test('a miss with what is stored of it costs three commands, without the lock two', async (t) => {
  const locking = await quiet(t)
  await teachScripts(locking)
  const load =
    (key: string, { cache, engine }: LinkedProcess) =>
    async (): Promise<void> => {
      await cache.getOrSet(key, () => 1, { tags })
      await engine.settled()
    }
  t.strictSame(await server.countCommands(load('first seen', locking)), { mget: 1, evalsha: 2 })
  t.strictSame(await server.countCommands(load('known', locking)), { mget: 1, evalsha: 2 })
  const free = await quiet(t, { lock: false })
  await free.cache.getOrSet('taught', () => 1, { tags: ['never seen'] })
  await free.engine.settled()
  t.strictSame(await server.countCommands(load('free', free)), { mget: 1, set: 1 })
  t.strictSame(
    await server.countCommands(async () => {
      await free.cache.getOrSet('new tag', () => 1, { tags: ['seen by nobody'] })
      await free.engine.settled()
    }),
    { mget: 1, evalsha: 1, set: 1 },
    'a tag that nobody has seen is made by one more',
  )
})

t.test('tags that the loader adds cost two more commands once, and then none', async (t) => {
  const process = await quiet(t)
  await teachScripts(process)
  const load = (key: string) => async (): Promise<void> => {
    await process.cache.getOrSet(key, ({ addTags }) => {
      addTags(['found:1', 'found:2'])
      return 1
    })
    await process.engine.settled()
  }
  await process.cache.getOrSet('taught too', ({ addTags }) => {
    addTags(['taught too'])
    return 1
  })
  t.strictSame(await server.countCommands(load('a')), { mget: 1, evalsha: 3, publish: 1 })
  t.strictSame(await server.countCommands(load('b')), { mget: 1, evalsha: 2 })
})

t.test('set costs one command, and one more for tags that this process does not know', async (t) => {
  const process = await quiet(t)
  await teachScripts(process)
  await process.cache.set('first', 1, { tags: ['never seen'] })
  t.strictSame(await server.countCommands(() => process.cache.set('k', 1, { tags })), { evalsha: 2 })
  t.strictSame(await server.countCommands(() => process.cache.set('k', 1, { tags })), { evalsha: 1 })
})

t.test('an invalidation costs one command, and one for each other process that confirms', async (t) => {
  const [one, two, three] = [await quiet(t), await quiet(t), await quiet(t)]
  await teachScripts(one)
  for (const { cache } of [one, two, three]) await cache.getOrSet('k', () => 1, { tags })
  const sent = await server.countCommands(async () => {
    t.strictSame(await one.cache.invalidateTags([...tags, 'unseen']), {
      delivered: true,
      durability: 'redis',
    })
  })
  t.strictSame(sent, { evalsha: 1, publish: 2 })
  t.strictSame(await server.countCommands(() => one.cache.delete('k')), { evalsha: 1, publish: 2 })
  t.strictSame(await server.countCommands(() => one.cache.clear()), { evalsha: 1, publish: 2 })
})

t.test('where commands are billed nobody confirms: an invalidation costs one command', async (t) => {
  const billed = { heartbeatMs: false as const, traits: { billedByCommand: true } }
  const [one, two] = [
    await openProcess(t, server.url, {}, billed),
    await openProcess(t, server.url, {}, billed),
  ]
  await teachScripts(one)
  await two.cache.set('k', 1, { tags })
  const sent = await server.countCommands(async () => {
    t.strictSame(await one.cache.invalidateTags(tags), { delivered: false, durability: 'redis' })
  })
  t.strictSame(sent, { evalsha: 1 })
  t.equal(one.engine.shared?.bus.leaseMs, 30_000)
})

t.test('a second look at a value costs nothing after an invalidation of another process', async (t) => {
  const [one, two] = [await quiet(t), await quiet(t)]
  await teachScripts(one)
  for (const { cache } of [one, two]) await cache.getOrSet('k', () => 1, { tags })
  await one.cache.invalidateTags(tags)
  const sent = await server.countCommands(async () => {
    await two.cache.getOrSet('k', () => 2, { tags })
    await two.engine.settled()
  })
  t.strictSame(sent, { mget: 1, evalsha: 2 }, 'the message told the new versions')
  t.strictSame(await server.countCommands(() => two.cache.getOrSet('k', () => 3, { tags })), {})
})

t.test('the numbers of the fleet cost one command, and one for each other process', async (t) => {
  // The last to come knows of all at its first beat.
  const [three, two, one] = [await quiet(t), await quiet(t), await quiet(t)]
  await one.cache.getOrSet('k', () => 1)
  await one.engine.settled()
  await two.cache.get('k')
  await three.cache.get('k')
  await three.cache.get('k')
  await one.cache.stats({ scope: 'fleet' })
  const sent = await server.countCommands(async () => {
    t.match(await one.cache.stats({ scope: 'fleet' }), {
      processes: 3,
      silent: 0,
      hits: 3,
      misses: 1,
      hitRate: 75,
      totalKeys: 3,
      stored: { keys: 1, exact: true, serverBytes: Number },
    })
  })
  t.strictSame(sent, { publish: 3 })
})

t.test('every key has a time to live', async (t) => {
  const { cache, engine } = await quiet(t)
  await cache.getOrSet('a', () => 1, { tags })
  await cache.set('b', 1, { tags: ['other'] })
  await cache.invalidateTags(['third'])
  await cache.clear()
  await cache.forTenant('x').set('c', 1, { tags })
  const holding = cache.getOrSet('locked', () => new Promise((resolve) => setTimeout(resolve, 300, 1)))
  await new Promise((resolve) => setTimeout(resolve, 100))
  const keys = await server.command('keys', '*')
  const names = Array.isArray(keys) ? keys.map(String) : []
  t.ok(names.length >= 8, names.join(' '))
  for (const name of names) t.ok(Number(await server.command('pttl', name)) > 0, name)
  t.ok(names.includes('cache:a') && names.includes('tag:vendor:1') && names.includes('lock:{cache:locked}'))
  await holding
  await engine.settled()
  t.equal(await server.command('exists', 'lock:{cache:locked}'), 0)
})

t.test('a tag lives longer than every value that has it', async (t) => {
  const ttlSeconds = 30 * 86_400
  for (const lock of [true, false]) {
    const { cache, engine } = await quiet(t, { lock })
    const stores: Record<string, (tag: string) => Promise<unknown>> = {
      load: (tag) => cache.getOrSet(tag, () => 1, { ttlSeconds, tags: [tag] }),
      added: (tag) =>
        cache.getOrSet(
          tag,
          ({ addTags }) => {
            addTags([tag])
          },
          { ttlSeconds, negativeTtlSeconds: ttlSeconds },
        ),
      set: (tag) => cache.set(tag, 1, { ttlSeconds, tags: [tag] }),
    }
    for (const [how, store] of Object.entries(stores)) {
      const tag = `${how}-${lock}`
      // It is known by then, and lives for a day.
      await cache.set('known', 1, { tags: [tag] })
      await store(tag)
      await engine.settled()
      for (const key of [`tag:${tag}`, 'tag:']) {
        t.ok(Number(await server.command('pttl', key)) > 1000 * ttlSeconds, `${tag}: ${key}`)
      }
      await cache.clear()
    }
  }
})
