import { type ClusterRig, eventually, reaches, type RedisServer, startStopwatch } from '@stayfast/test-kit'
import t from 'tap'
import { Bus, type SubscriptionHandler } from '../dist/index.js'
import { first, openClusterLink, startTolerantCluster } from './open-cluster-link.js'

function recorder(): SubscriptionHandler & { events: string[] } {
  const events: string[] = []
  return {
    events,
    onMessage: (message) => events.push(message),
    onSubscribed: () => events.push('<subscribed>'),
    onLost: () => events.push('<lost>'),
  }
}

async function subscribersNode(rig: ClusterRig): Promise<RedisServer> {
  for (const node of rig.nodes.filter(({ awake }) => awake)) {
    if (/news/.test(String(await node.command('pubsub', 'channels', 'news')))) return node
  }
  throw new Error('Nobody listens.')
}

for (const fault of ['kill', 'freeze'] as const) {
  t.test(
    `messages of every node arrive, and a subscriber whose node is gone (${fault}) is told and moves`,
    async (t) => {
      const rig = await startTolerantCluster(t)
      const link = openClusterLink(t, rig, { deadlineMs: 500, heartbeatMs: 300 })
      const handler = recorder()
      link.subscribe('news', handler)
      await reaches(link, 'up')
      await eventually(() => handler.events.length === 1, { withinMs: 5000 })
      for (const [index, node] of rig.nodes.entries()) await node.command('publish', 'news', String(index))
      await eventually(() => handler.events.length === 7, { withinMs: 3000 })
      t.strictSame([...handler.events].sort(), ['0', '1', '2', '3', '4', '5', '<subscribed>'])

      const node = await subscribersNode(rig)
      const elapsedMs = startStopwatch()
      if (fault === 'kill') await rig.kill(node)
      else rig.freeze(node)
      await eventually(() => handler.events.length === 9, { withinMs: 5000 })
      t.comment(`subscribed again after ${Math.round(elapsedMs())} ms`)
      t.strictSame(handler.events.slice(7), ['<lost>', '<subscribed>'])
      t.not(await subscribersNode(rig), node)
      // Any node publishes for all; the one that is gone is asked as well until the client has dropped it.
      await eventually(
        async () => {
          await link.run((client) => client.publish('news', 'again')).catch(() => undefined)
          return handler.events.includes('again')
        },
        { withinMs: 5000 },
      )
      if (fault === 'freeze') node.thaw()
    },
  )
}

t.test(
  'a bus over a Cluster delivers to all, waits for who died, and survives the failover of its key',
  async (t) => {
    const rig = await startTolerantCluster(t)
    const links = [1, 2, 3].map(() => openClusterLink(t, rig))
    const members = links.map((link) => {
      const bus = new Bus({ link })
      const heard: string[] = []
      bus.on('tags', { onMessage: (payload) => heard.push(payload), onRevalidate: () => undefined })
      t.teardown(() => bus.close())
      return { bus, heard }
    })
    const [sender, receiver, dying] = members
    if (sender === undefined || receiver === undefined || dying === undefined)
      throw new Error('Three were made.')
    await eventually(() => members.every(({ bus }) => bus.covered && bus.members === 3), { withinMs: 8000 })
    for (let round = 0; round < 30; round++) {
      t.strictSame(await sender.bus.publish('tags', String(round)), { delivered: true })
      // Nobody waits for the sender, which knows: over another node it may hear itself last.
      for (const { heard } of [receiver, dying]) t.equal(heard.at(-1), String(round))
    }

    await links[2]?.close()
    const elapsedMs = startStopwatch()
    t.strictSame(await sender.bus.publish('tags', 'after a death'), { delivered: true })
    t.ok(elapsedMs() < 2 * sender.bus.leaseMs, 'its lease was waited for')
    t.notOk(dying.bus.covered)

    const owner = (await keyOwner(rig, 'bus:members')) ?? first(rig.nodes)
    await rig.kill(owner)
    await eventually(() => !sender.bus.covered || !receiver.bus.covered, { withinMs: 5000 })
    await eventually(() => sender.bus.covered && receiver.bus.covered && sender.bus.members === 2, {
      withinMs: 10_000,
    })
    t.strictSame(await sender.bus.publish('tags', 'after the failover'), { delivered: true })
    t.equal(receiver.heard.at(-1), 'after the failover')
  },
)

async function keyOwner(rig: ClusterRig, key: string): Promise<RedisServer | undefined> {
  for (const node of await rig.primaries()) {
    if (Number(await node.command('exists', key).catch(() => 0)) === 1) return node
  }
  return undefined
}
