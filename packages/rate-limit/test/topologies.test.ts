import { ClientLink, type RedisLink } from '@stayfast/redis-kit'
import { reaches, startCluster, startRedisServer, startSentinel } from '@stayfast/test-kit'
import { Cluster, Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { RedisLimitStore } from '../dist/stores/redis-limit-store.js'
import { limitStoreContract } from './limit-store-contract.js'
import { openApp } from './open-app.js'

/** A machine that is busy is no outage: these tests ask what is decided, not how soon. */
const deadlineMs = 20_000

async function linkTo(t: Test, client: Redis | Cluster): Promise<RedisLink> {
  const traits = { cluster: client instanceof Cluster }
  const link = new ClientLink({ name: 'default', client, owned: true, deadlineMs, traits })
  t.teardown(() => link.close())
  await reaches(link, 'up', deadlineMs)
  return link
}

t.test('a server with one database that refuses what providers refuse', async (t) => {
  const server = await startRedisServer({ upstashLike: true }, t)
  const store = new RedisLimitStore(await linkTo(t, new Redis(server.url, { lazyConnect: true })))
  limitStoreContract(t, 'one database', () => store)
})

t.test('a server behind TLS', async (t) => {
  const server = await startRedisServer({ tls: true }, t)
  const tls = { ...(server.ca === undefined ? {} : { ca: server.ca }) }
  const store = new RedisLimitStore(await linkTo(t, new Redis(server.url, { lazyConnect: true, tls })))
  limitStoreContract(t, 'tls', () => store)
})

t.test('a primary that is found through sentinels', async (t) => {
  const rig = await startSentinel({}, t)
  const sentinels = rig.sentinels.map(({ host, port }) => ({ host, port }))
  const store = new RedisLimitStore(
    await linkTo(t, new Redis({ sentinels, name: rig.name, lazyConnect: true })),
  )
  limitStoreContract(t, 'sentinel', () => store)
})

t.test('a cluster, its counters spread over the shards', async (t) => {
  const rig = await startCluster({}, t)
  const nodes = rig.nodes.map(({ host, port }) => ({ host, port }))
  const link = await linkTo(t, new Cluster(nodes, { lazyConnect: true }))
  const store = new RedisLimitStore(link)
  limitStoreContract(t, 'cluster', () => store)
  t.test('requests of one turn are decided each where its counter lives', async (t) => {
    const { app } = await openApp(t, { redis: link, max: 1 })
    const clients = Array.from({ length: 60 }, (_, index) => `10.0.${index}.1`)
    const ask = async (): Promise<number[]> => {
      const inject = (remoteAddress: string) => app.inject({ url: '/', remoteAddress })
      return (await Promise.all(clients.map(inject))).map(({ statusCode }) => statusCode)
    }
    t.same(await ask(), Array(60).fill(200))
    t.same(await ask(), Array(60).fill(429))
  })
  t.test('every shard has some', async (t) => {
    for (const primary of await rig.primaries()) t.ok(Number(await primary.command('dbsize')) > 0)
  })
})
