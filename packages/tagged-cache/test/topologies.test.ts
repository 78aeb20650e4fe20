import { eventually, reaches, startCluster, startRedisServer, startSentinel } from '@stayfast/test-kit'
import { ClientLink, duplicateSafely, type ClientLinkOptions } from '@stayfast/redis-kit'
import { Cluster, Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { cacheContract } from './cache-contract.js'
import {
  coherent,
  CountedLoader,
  openCache,
  openProcess,
  type EngineSettings,
  type LinkedProcess,
} from './open-cache.js'

async function overClient(
  t: Test,
  open: () => Redis | Cluster,
  options: EngineSettings,
  linkOptions: Partial<ClientLinkOptions> = {},
): Promise<LinkedProcess> {
  const client = open()
  const link = new ClientLink({
    name: 'cache',
    client: duplicateSafely(client),
    owned: true,
    openSubscriber: () => duplicateSafely(open()),
    ...linkOptions,
  })
  t.teardown(() => link.close())
  await reaches(link, 'up', 10_000)
  const process = openCache(t, link, options)
  await coherent([process])
  return { ...process, link }
}

t.test('one database and the commands of Upstash', async (t) => {
  const server = await startRedisServer({ upstashLike: true }, t)
  t.beforeEach(async () => {
    await server.command('flushall')
  })
  cacheContract(t, (t, options) => openProcess(t, server.url, options), { shared: true })
})

t.test('TLS with a password', async (t) => {
  const server = await startRedisServer({ tls: true, password: 'secret' }, t)
  const open = (): Redis =>
    new Redis(server.url, { lazyConnect: true, tls: { ca: server.ca ?? '' }, maxRetriesPerRequest: 0 })
  t.beforeEach(async () => {
    await server.command('flushall')
  })
  cacheContract(t, (t, options = {}) => overClient(t, open, options), { shared: true })
})

t.test('Sentinel, and its failover', async (t) => {
  const rig = await startSentinel({}, t)
  const open = (): Redis =>
    new Redis({
      sentinels: rig.sentinels.map(({ host, port }) => ({ host, port })),
      name: rig.name,
      failoverDetector: true,
      lazyConnect: true,
      sentinelRetryStrategy: () => 200,
    })
  const one = await overClient(t, open, {})
  const other = await overClient(t, open, {})
  await coherent([one, other])
  const loader = new CountedLoader('old')
  for (const { cache } of [one, other]) await cache.getOrSet('k', loader.load, { tags: ['x'] })
  t.equal(loader.calls, 1)
  t.equal((await one.cache.invalidateTags(['x'])).delivered, true)
  loader.value = 'new'
  for (const { cache } of [one, other])
    t.equal(await cache.getOrSet('k', loader.load, { tags: ['x'] }), 'new')
  await rig.failover()
  await eventually(async () => (await one.cache.set('after', 1)).durability === 'redis', { withinMs: 20_000 })
  await eventually(() => other.link.status === 'up' && other.engine.shared?.trusted === true, {
    withinMs: 20_000,
  })
  t.equal(await other.cache.get('after'), 1)
})

t.test('I13: a Cluster', async (t) => {
  const rig = await startCluster({}, t)
  const open = (): Cluster =>
    new Cluster(
      rig.nodes.map(({ host, port }) => ({ host, port })),
      { lazyConnect: true },
    )
  const openMember = (t: Test, options: EngineSettings = {}): Promise<LinkedProcess> =>
    overClient(t, open, options, { traits: { cluster: true } })
  t.beforeEach(async () => {
    for (const node of await rig.primaries()) await node.command('flushall')
  })
  cacheContract(t, openMember, { shared: true })

  t.test('what was loaded before an invalidation is never answered after it', async (t) => {
    const [one, two] = [await openMember(t), await openMember(t)]
    await coherent([one, two])
    for (let round = 0; round < 20; round++) {
      const tags = [`a${round}`, `b${round}`, 'common']
      const loader = new CountedLoader('old')
      loader.hold()
      const begun = loader.begun()
      const slow = one.cache.getOrSet(`k${round}`, loader.load, { tags })
      await begun
      loader.value = 'new'
      const result = await (round % 2 === 0 ? one : two).cache.invalidateTags([`b${round}`, 'other'])
      t.strictSame(result, { delivered: true, durability: 'redis' })
      loader.release()
      t.equal(await slow, 'old')
      await one.engine.settled()
      for (const { cache } of [one, two])
        t.equal(await cache.getOrSet(`k${round}`, loader.load, { tags }), 'new')
      t.equal(loader.calls, 2)
    }
  })

  t.test('four processes run one loader', async (t) => {
    const all = await Promise.all([1, 2, 3, 4].map(() => openMember(t)))
    await coherent(all)
    const loader = new CountedLoader(1)
    loader.hold()
    setTimeout(() => {
      loader.release()
    }, 200)
    await Promise.all(
      Array.from({ length: 400 }, async (_, index) =>
        all[index % 4]?.cache.getOrSet('k', loader.load, { tags: ['x', 'y'] }),
      ),
    )
    t.equal(loader.calls, 1)
  })

  t.test('the fleet counts what lies on all nodes', async (t) => {
    const { cache } = await openMember(t)
    for (let index = 0; index < 50; index++) await cache.set(`k${index}`, index)
    t.match(await cache.stats({ scope: 'fleet' }), { stored: { keys: 50, exact: true } })
  })
})
