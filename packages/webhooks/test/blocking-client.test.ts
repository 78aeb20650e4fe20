import { duplicateSafely } from '@stayfast/redis-kit'
import { eventually, startRedisServer } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { blockingClient, type BlockingClient } from '../dist/queue/blocking-client.js'

async function openBlocking(t: Test, url: string): Promise<BlockingClient> {
  const client = new Redis(url, { lazyConnect: true })
  const blocking = blockingClient(
    duplicateSafely(client, { enableOfflineQueue: true, maxRetriesPerRequest: null }),
    'redis_version:7.0.15',
  )
  blocking.client.on('error', () => undefined)
  t.teardown(() => {
    blocking.end()
  })
  await blocking.client.connect()
  return blocking
}

t.test(
  'told to disconnect while it waits to reconnect it says that it ended, and keeps no command',
  async (t) => {
    const server = await startRedisServer({}, t)
    const { client } = await openBlocking(t, server.url)
    await server.kill()
    await eventually(() => client.status === 'reconnecting')
    const waiting = client.bzpopmin('marker', 5)
    let ended = false
    client.once('end', () => {
      ended = true
    })
    await eventually(() => {
      if (client.status === 'reconnecting') client.disconnect()
      return client.status === 'end'
    })
    await t.rejects(waiting, { message: 'Connection is closed.' })
    await eventually(() => ended)
  },
)

t.test('it connects again when it is told to, and not once it was ended', async (t) => {
  const server = await startRedisServer({}, t)
  const { client, end } = await openBlocking(t, server.url)
  client.disconnect()
  await eventually(() => client.status === 'end')
  await client.connect()
  t.equal(client.status, 'ready')
  const waiting = client.bzpopmin('marker', 5)
  end()
  await t.rejects(waiting)
  await eventually(() => client.status === 'end')
  await t.rejects(client.connect(), { message: 'Connection is closed.' })
  t.equal(client.status, 'end')
})

t.test('a client that BullMQ cannot use is refused', async (t) => {
  const client = new Redis({ lazyConnect: true })
  const lacking = new Proxy(client, { has: (target, name) => name !== 'bzpopmin' && name in target })
  t.throws(() => blockingClient(lacking, ''), TypeError)
})
