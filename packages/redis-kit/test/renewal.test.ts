import { eventually, freePort, startCluster, startFaultProxy, startRedisServer } from '@stayfast/test-kit'
import t from 'tap'
import { OffLink, SharedLink, type RedisLink } from '../dist/index.js'
import { openClusterLink } from './open-cluster-link.js'
import { openLink, reaches } from './open-link.js'

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
