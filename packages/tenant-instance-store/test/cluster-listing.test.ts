import { eventually, reaches, startRedisServer } from '@stayfast/test-kit'
import { Cluster, Redis } from 'ioredis'
import { adoptClient } from '@stayfast/redis-kit'
import t from 'tap'
import { StoredInstances } from '../dist/stored-instances.js'
import { OutageInstanceStore } from '../dist/stores/outage-instance-store.js'
import { directly } from './open-outage-store.js'

t.test('on a cluster instances are spread over all masters, and listed from all of them', async (t) => {
  const config = { 'cluster-enabled': 'yes', 'cluster-node-timeout': '1000' }
  const masters = await Promise.all([0, 1, 2].map(() => startRedisServer({ config }, t)))
  const clients = masters.map(({ url }) => new Redis(url))
  t.teardown(() => {
    for (const client of clients) client.disconnect()
  })
  const slotsEach = Math.ceil(16_384 / masters.length)
  for (const [index, client] of clients.entries()) {
    const first = index * slotsEach
    const slots = Array.from({ length: Math.min(slotsEach, 16_384 - first) }, (_, slot) => first + slot)
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1)
    // ADDSLOTSRANGE is of Redis 7.
    await client.call('CLUSTER', 'ADDSLOTS', ...slots)
  }
  for (const { port } of masters) await clients[0]?.call('CLUSTER', 'MEET', '127.0.0.1', port)
  await eventually(
    async () => {
      const states = await Promise.all(clients.map((client) => client.call('CLUSTER', 'INFO')))
      return states.every((state) => String(state).includes('cluster_state:ok'))
    },
    { withinMs: 20_000 },
  )

  const cluster = new Cluster(masters.map(({ port }) => ({ host: '127.0.0.1', port })))
  t.teardown(() => {
    cluster.disconnect()
  })
  const link = adoptClient(cluster, { name: 'default' })
  t.teardown(() => link.close())
  await reaches(link, 'up')
  const store = new OutageInstanceStore({ ...directly, link, ttlSeconds: 3600 })
  const instances = new StoredInstances(() => store)

  const ids = Array.from({ length: 300 }, (_, index) => `i${index}`)
  await Promise.all(ids.map((id) => instances.save({ id })))
  await Promise.all(ids.map((id) => instances.update(id, { updated: true })))
  for (const client of clients) t.ok((await client.dbsize()) > 50, 'each master holds some')

  const listed: string[] = []
  let cursor: string | undefined
  do {
    const page = await instances.list({ cursor, limit: 40 })
    t.ok(page.items.every(({ id, ...fields }) => id !== '' && fields['updated'] === true))
    listed.push(...page.items.map(({ id }) => id))
    cursor = page.cursor
  } while (cursor !== undefined)
  t.strictSame(listed.sort(), ids.sort())

  const { cursor: second = '' } = await instances.list({ limit: 40 })
  const foreign = Buffer.from(second, 'base64url')
    .toString()
    .replace(/^\["redis","[^"]*"/, '["redis","other masters"')
  const restarted: string[] = []
  cursor = Buffer.from(foreign).toString('base64url')
  do {
    const page = await instances.list({ cursor, limit: 40 })
    restarted.push(...page.items.map(({ id }) => id))
    cursor = page.cursor
  } while (cursor !== undefined)
  t.strictSame(restarted.sort(), ids.sort(), 'after a change of masters the listing begins again')
})
