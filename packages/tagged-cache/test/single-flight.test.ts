import { eventually, startProcess, startRedisServer, startStopwatch } from '@stayfast/test-kit'
import t from 'tap'
import { coherent, CountedLoader, openProcess } from './open-cache.js'

const server = await startRedisServer({}, t)
t.beforeEach(async () => {
  await server.command('flushall')
})

t.test('I8: a thousand calls in four processes run one loader', async (t) => {
  const all = await Promise.all([1, 2, 3, 4].map(() => openProcess(t, server.url)))
  await coherent(all)
  let calls = 0
  const load = async (): Promise<string> => {
    calls += 1
    await new Promise((resolve) => setTimeout(resolve, 150))
    return 'one'
  }
  const values = await Promise.all(
    Array.from({ length: 1000 }, async (_, index) =>
      all[index % 4]?.cache.getOrSet('k', load, { tags: ['x'] }),
    ),
  )
  t.ok(values.every((value) => value === 'one'))
  t.equal(calls, 1)
  const coalesced = all.reduce((sum, { engine }) => sum + engine.stats().coalesced, 0)
  t.equal(coalesced, 999)
})

t.test('I8: a thousand calls in four operating-system processes run one loader', async (t) => {
  const counter = await Promise.all(
    [1, 2, 3, 4].map(() =>
      startProcess(
        new URL('programs/thousand-calls.js', import.meta.url),
        { env: { REDIS_URL: server.url }, readyWhen: /ready/, timeoutMs: 40_000 },
        t,
      ),
    ),
  )
  await server.command('publish', 'begin', 'now')
  for (const process of counter) await process.waitForLine(/done/)
  t.equal(Number(await server.command('get', 'loader-calls')), 1)
})

t.test('I8: a lock whose holder died costs one lock TTL', async (t) => {
  const lockTtlMs = 700
  const [dying, waiting] = [
    await openProcess(t, server.url, { lockTtlMs }),
    await openProcess(t, server.url, { lockTtlMs }),
  ]
  const loader = new CountedLoader('never')
  loader.hold()
  const begun = loader.begun()
  dying.cache.getOrSet('k', loader.load).catch(() => undefined)
  await begun
  await dying.link.close()
  const elapsedMs = startStopwatch()
  t.equal(await waiting.cache.getOrSet('k', () => 'mine'), 'mine')
  const tookMs = elapsedMs()
  t.ok(tookMs < lockTtlMs + 1500, `${tookMs} ms`)
  loader.release()
})

t.test('a loader that takes longer than the TTL of its lock keeps it', async (t) => {
  const lockTtlMs = 1500
  const [loading, waiting] = [
    await openProcess(t, server.url, { lockTtlMs }),
    await openProcess(t, server.url, { lockTtlMs }),
  ]
  const loader = new CountedLoader('slow')
  loader.hold()
  const begun = loader.begun()
  const slow = loading.cache.getOrSet('k', loader.load)
  await begun
  const other = waiting.cache.getOrSet('k', loader.load)
  await new Promise((resolve) => setTimeout(resolve, 2 * lockTtlMs))
  t.equal(loader.calls, 1)
  loader.release()
  t.strictSame(await Promise.all([slow, other]), ['slow', 'slow'])
  t.equal(loader.calls, 1)
})

t.test('who has waited long enough for a lock loads by itself', async (t) => {
  const [loading, waiting] = [
    await openProcess(t, server.url),
    await openProcess(t, server.url, { lockWaitMs: 200 }),
  ]
  const loader = new CountedLoader('slow')
  loader.hold()
  const begun = loader.begun()
  const slow = loading.cache.getOrSet('k', loader.load)
  await begun
  t.equal(await waiting.cache.getOrSet('k', () => 'own'), 'own')
  t.equal(await waiting.cache.get('k'), 'own', 'and keeps it for itself')
  loader.release()
  t.equal(await slow, 'slow')
})

t.test('I9: a loader that fails frees the lock for the next, and stores nothing', async (t) => {
  const [failing, waiting] = [await openProcess(t, server.url), await openProcess(t, server.url)]
  const loader = new CountedLoader('never')
  loader.hold()
  const begun = loader.begun()
  const failed = failing.cache
    .getOrSet('k', async () => {
      await loader.load()
      throw new Error('away')
    })
    .catch((error: unknown) => error)
  await begun
  const other = waiting.cache.getOrSet('k', () => 'loaded by the next')
  await new Promise((resolve) => setTimeout(resolve, 50))
  loader.release()
  t.match(await failed, { message: 'away' })
  const elapsedMs = startStopwatch()
  t.equal(await other, 'loaded by the next')
  t.ok(elapsedMs() < 2500, 'it did not wait for the lock to expire')
  await eventually(async () => (await server.command('exists', 'lock:{cache:k}')) === 0)
})

t.test('a stale value is refreshed by one process, and nobody waits for it', async (t) => {
  const all = await Promise.all([1, 2, 3].map(() => openProcess(t, server.url)))
  const loader = new CountedLoader(1)
  const options = { ttlSeconds: 0.3, staleWhileRevalidateSeconds: 60 }
  for (const { cache } of all) await cache.getOrSet('k', loader.load, options)
  await new Promise((resolve) => setTimeout(resolve, 350))
  const before = loader.calls
  loader.value = 2
  loader.hold()
  for (let call = 0; call < 5; call++) {
    const values = await Promise.all(all.map(({ cache }) => cache.getOrSet('k', loader.load, options)))
    t.strictSame(values, [1, 1, 1])
  }
  await eventually(() => loader.calls > before)
  t.equal(loader.calls, before + 1)
  loader.release()
  for (const { cache } of all) {
    await eventually(async () => (await cache.getOrSet('k', loader.load, options)) === 2)
  }
})
