import { eventually, startCluster, type ClusterRig, startStopwatch } from '@stayfast/test-kit'
import t from 'tap'
import type { RedisConnectionOptions } from '../dist/index.js'
import { reaches, rejection, request, startApp } from './support/app.js'

function nodesOf(rig: ClusterRig): RedisConnectionOptions {
  return { cluster: { nodes: rig.nodes.map(({ host, port }) => ({ host, port })) } }
}

const keys = Array.from({ length: 60 }, (_, index) => `key:${index}`)

for (const tls of [false, true]) {
  t.test(`${tls ? 'with' : 'without'} TLS a Cluster of the environment serves all slots`, async (t) => {
    const rig = await startCluster({ tls, password: 'secret' }, t)
    const ca = rig.nodes[0]?.ca
    const started = await startApp(t, {
      env: {
        // One node is enough to find the others.
        REDIS_CLUSTER_NODES: rig.nodes
          .slice(0, 1)
          .map(({ host, port }) => `${host}:${port}`)
          .join(','),
        REDIS_PASSWORD: 'secret',
        ...(ca === undefined ? {} : { REDIS_TLS: 'true', REDIS_TLS_CA: ca }),
      },
    })
    const { app, link } = started
    await reaches(link, 'up')
    await Promise.all(keys.map((key) => link.run((client) => client.set(key, key))))
    const values = await Promise.all(keys.map((key) => link.run((client) => client.get(key))))
    t.strictSame(values, keys)
    t.match(await app.redisConnection.check(), { status: 'healthy', connected: true })
    t.match(app.redisConnection.facts, { mode: 'cluster' })
    t.strictSame(started.lines(), [])
  })
}

t.test('a primary that is killed is replaced while the link stays up', async (t) => {
  const rig = await startCluster({}, t)
  const { link } = await startApp(t, nodesOf(rig))
  await reaches(link, 'up')
  const seen: string[] = []
  let renewed = 0
  link.onChange(({ status }) => seen.push(status))
  link.onRenewed(() => {
    renewed += 1
  })
  const [primary] = await rig.primaries()
  if (primary === undefined) throw new Error('The cluster has no primary.')
  const elapsedMs = startStopwatch()
  await rig.kill(primary)
  const writeAll = (): Promise<unknown> =>
    Promise.all(keys.map((key) => link.run((client) => client.set(key, '1'))))
  await t.rejects(writeAll(), { code: 'STAY_REDIS_UNAVAILABLE' })
  await eventually(writeAll, { withinMs: 10_000 })
  t.comment(`all keys are written again after ${Math.round(elapsedMs())} ms`)
  await eventually(() => renewed === 1, { withinMs: 3000 })
  t.strictSame(seen, [])
})

t.test('all nodes down at boot: the app boots, says why, and finds them when they come', async (t) => {
  const rig = await startCluster({}, t)
  await Promise.all(rig.nodes.map((node) => rig.kill(node)))
  const elapsedMs = startStopwatch()
  const started = await startApp(t, nodesOf(rig))
  const { link } = started
  t.ok(elapsedMs() < 1500, 'boots without waiting')
  t.match(await request(link), { outcome: 'STAY_REDIS_UNAVAILABLE' })
  await reaches(link, 'down')
  t.match(
    started.lines().join('\n'),
    /No node of the cluster answers\. Start them, or check REDIS_CLUSTER_NODES/,
  )
  await Promise.all(rig.nodes.map((node) => node.restart()))
  const upMs = await reaches(link, 'up', 15_000)
  t.comment(`up ${Math.round(upMs)} ms after the nodes`)
  // A node that has just started says CLUSTERDOWN until it has heard of the others.
  await eventually(async () => (await request(link)).outcome === 'value 1', { withinMs: 10_000 })
})

t.test('a wrong password is told as such', async (t) => {
  const rig = await startCluster({ password: 'secret' }, t)
  const started = await startApp(t, { ...nodesOf(rig), password: 'mistake' })
  const { link } = started
  await reaches(link, 'down')
  t.match(started.lines().join('\n'), /refused the user or the password/)
})

t.test('a node of a Cluster that was configured as a single server is told as such', async (t) => {
  const rig = await startCluster({}, t)
  const started = await startApp(t, { url: rig.nodes[0]?.url })
  const { link } = started
  await reaches(link, 'up')
  t.match(started.lines().join('\n'), /node of a Redis Cluster.*MOVED.*Set REDIS_CLUSTER_NODES/)
  const errors = await Promise.all(
    keys.map((key) =>
      rejection(link.run((client) => client.set(key, '1'))).then(
        ({ error }) => String(error),
        () => 'written',
      ),
    ),
  )
  t.ok(errors.some((error) => /MOVED/.test(error)))
})

t.test('a client that waits for work is not cut off by silence', async (t) => {
  const rig = await startCluster({}, t)
  const { app, link } = await startApp(t, nodesOf(rig))
  await reaches(link, 'up')
  const client = app.redisConnection.blockingClient('queue')
  const startedMs = performance.now()
  t.equal(await client.call('BLPOP', 'empty', 2), null)
  t.ok(performance.now() - startedMs > 1900)
})
