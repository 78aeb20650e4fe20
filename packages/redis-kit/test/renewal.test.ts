import {
  eventually,
  freePort,
  reaches,
  startCluster,
  startFaultProxy,
  startRedisServer,
} from '@stayfast/test-kit'
import { Cluster, Redis } from 'ioredis'
import { EventEmitter } from 'node:events'
import t from 'tap'
import { duplicateSafely, OffLink, SharedLink, type RedisLink } from '../dist/index.js'
import { openClusterLink } from './open-cluster-link.js'
import { openLink } from './open-link.js'

/** What was told, with the status of the link at that moment. */
function renewals(link: RedisLink): string[] {
  const told: string[] = []
  link.onRenewed(() => told.push(link.status))
  return told
}

t.test('a link that was down tells that the server may have lost data, once it is up', async (t) => {
  const server = await startRedisServer({}, t)
  const link = openLink(t, server.url)
  const told = renewals(link)
  const shared = renewals(
    new SharedLink('cache', link, { keyPrefix: () => 'cache:', channelPrefix: 'cache:' }),
  )
  await reaches(link, 'up')
  t.strictSame(told, [], 'the first time there is nothing to repair')
  await server.kill()
  await reaches(link, 'down')
  await server.restart()
  await reaches(link, 'up')
  t.strictSame(told, ['up'])
  t.strictSame(shared, ['up'])
})

t.test('neither a late first connection nor a slow answer is a renewal', async (t) => {
  const port = await freePort()
  const link = openLink(t, `redis://127.0.0.1:${port}`, { deadlineMs: 500, heartbeatMs: false })
  const told = renewals(link)
  await reaches(link, 'down')
  const server = await startRedisServer({ port }, t)
  await reaches(link, 'up')
  server.freeze()
  const late = link.run((client) => client.get('x')).catch(() => undefined)
  await reaches(link, 'suspect')
  server.thaw()
  await reaches(link, 'up')
  await late
  t.strictSame(told, [])
})

t.test(
  'a frozen server that was given up is a renewal, and a listener that left hears of none',
  async (t) => {
    const server = await startRedisServer({}, t)
    const proxy = await startFaultProxy({ host: server.host, port: server.port }, t)
    const link = openLink(t, proxy.url(server.url), { deadlineMs: 300, heartbeatMs: 200 })
    const told = renewals(link)
    const left: string[] = []
    const stop = link.onRenewed(() => left.push('renewed'))
    await reaches(link, 'up')
    stop()
    proxy.blackHole()
    await reaches(link, 'down')
    await proxy.restore()
    await reaches(link, 'up')
    t.strictSame(told, ['up'])
    t.strictSame(left, [])
  },
)

t.test('a link without Redis is never renewed', async (t) => {
  const link = new OffLink('default')
  const stop = link.onRenewed()
  stop()
  t.equal(link.status, 'off')
})

t.test('on a Cluster the failover of one shard is a renewal, and quiet is none', async (t) => {
  const rig = await startCluster({}, t)
  const link = openClusterLink(t, rig)
  const idle = openClusterLink(t, rig)
  const [told, toldIdle] = [renewals(link), renewals(idle)]
  await Promise.all([reaches(link, 'up'), reaches(idle, 'up')])
  for (let index = 0; index < 100; index++) {
    for (const one of [link, idle]) await one.run((client) => client.set(`key:${index}`, '1'))
  }
  await new Promise((resolve) => setTimeout(resolve, 6000))
  t.strictSame([...told, ...toldIdle], [], 'a refresh of the slots alone says nothing')

  const [primary] = await rig.primaries()
  if (primary === undefined) throw new Error('The cluster has no primary.')
  await rig.kill(primary)
  await eventually(() => told.length > 0 && toldIdle.length > 0, { withinMs: 10_000 })
  await rig.settle()
  await primary.restart()
  await rig.settle()
  await new Promise((resolve) => setTimeout(resolve, 1000))
  t.strictSame(told, ['up'])
  t.strictSame(toldIdle, ['up'], 'also where no command goes there')

  await rig.failover()
  await eventually(() => told.length === 2 && toldIdle.length === 2, { withinMs: 8000 })
  t.pass('a failover in order, which breaks no connection, is seen by the refresh of the slots')
})

t.test('a client that gives up for good while it connects is connected again', async (t) => {
  const server = await startRedisServer({}, t)
  const client = new Redis(server.url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    retryStrategy: () => 50,
  })
  const link = openLink(t, server.url, { client })
  const told = renewals(link)
  await reaches(link, 'up')
  // This is what a failover does that is announced while the sentinels are asked for the primary.
  client.once('connecting', () => {
    const connector: unknown = Reflect.get(client, 'connector')
    const disconnect: unknown = Reflect.get(Object(connector), 'disconnect')
    if (typeof disconnect === 'function') Reflect.apply(disconnect, connector, [])
  })
  const ended = new Promise<void>((resolve) => client.once('end', resolve))
  await server.command('client', 'kill', 'type', 'normal')
  await ended
  await reaches(link, 'up')
  t.strictSame(told, ['up'])
})

t.test('a Cluster client that stays closed is connected again', async (t) => {
  const rig = await startCluster({}, t)
  const named = new Cluster(
    rig.nodes.map(({ port }) => ({ host: 'localhost', port })),
    {
      dnsLookup: (_name, done) => {
        setTimeout(done, 50, null, '127.0.0.1')
      },
      lazyConnect: true,
    },
  )
  const client = duplicateSafely(named)
  if (!(client instanceof Cluster)) throw new TypeError('This is none of ioredis.')
  const link = openClusterLink(t, rig, { client })
  await reaches(link, 'up')
  // This is what the last of the old connections does that ends while the names are looked up.
  client.once('connecting', () => {
    const pool: unknown = Reflect.get(client, 'connectionPool')
    if (pool instanceof EventEmitter) pool.emit('drain')
  })
  client.disconnect(true)
  await reaches(link, 'down')
  await reaches(link, 'up')
  t.pass('and served')
})
