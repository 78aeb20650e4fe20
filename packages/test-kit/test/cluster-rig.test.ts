import { Cluster } from 'ioredis'
import t, { type Test } from 'tap'
import { type ClusterRig, eventually, type RedisServer, startCluster } from '../dist/index.js'

function client(t: Test, rig: ClusterRig, password?: string): Cluster {
  const cluster = new Cluster(
    rig.nodes.map(({ host, port }) => ({ host, port })),
    {
      dnsLookup: (address, done) => done(null, address),
      redisOptions: {
        ...(password === undefined ? {} : { password }),
        ...(rig.nodes[0]?.ca === undefined ? {} : { tls: { ca: rig.nodes[0].ca } }),
      },
    },
  )
  cluster.on('error', () => undefined)
  t.teardown(() => cluster.disconnect())
  return cluster
}

async function writeEverywhere(cluster: Cluster, value: string): Promise<void> {
  for (let index = 0; index < 30; index++) await cluster.set(`key:${index}`, value)
}

async function firstPrimary(rig: ClusterRig): Promise<RedisServer> {
  const [primary] = await rig.primaries()
  if (!primary) throw new Error('The cluster has no primary.')
  return primary
}

for (const tls of [false, true]) {
  t.test(
    `${tls ? 'with' : 'without'} TLS a cluster serves every slot, before and after a failover`,
    async (t) => {
      const rig = await startCluster({ tls, password: 'secret' }, t)
      t.equal(rig.nodes.length, 6)
      const cluster = client(t, rig, 'secret')
      await writeEverywhere(cluster, 'before')

      const [primary] = await rig.primaries()
      const successor = await rig.failover(primary)
      const primaries = await rig.primaries()
      t.equal(primaries.length, 3)
      t.ok(primaries.includes(successor))
      await writeEverywhere(cluster, 'after')
      t.equal(await cluster.get('key:7'), 'after')
    },
  )
}

t.test('when a primary dies its replica takes over, and it comes back as a replica', async (t) => {
  const rig = await startCluster({}, t)
  const primary = await firstPrimary(rig)
  const [replica] = await rig.replicasOf(primary)
  await rig.kill(primary)
  await eventually(async () => (await rig.primaries()).some((node) => node === replica), { withinMs: 15_000 })
  await rig.settle()
  await writeEverywhere(client(t, rig), 'value')

  await primary.restart()
  await rig.settle()
  t.match(String(await primary.command('info', 'replication')), /role:slave/)
  t.equal((await rig.primaries()).includes(primary), false)
})

t.test('when a primary freezes its replica takes over', async (t) => {
  await using rig = await startCluster()
  const primary = await firstPrimary(rig)
  const [replica] = await rig.replicasOf(primary)
  rig.freeze(primary)
  await eventually(async () => (await rig.primaries()).some((node) => node === replica), { withinMs: 15_000 })
  t.equal((await rig.replicasOf(primary)).length, 0)
  await t.rejects(rig.failover(primary), { message: /no healthy replica/ })
  primary.thaw()
  await rig.settle()
})
