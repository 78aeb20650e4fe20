import { Cluster, Redis } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5'
import iovalkey from 'iovalkey'
import t from 'tap'
import type { RedisClient } from '../dist/index.js'

t.test('ioredis 6, ioredis 5, their Cluster and iovalkey are Redis clients as they are', async (t) => {
  const options = { lazyConnect: true }
  const nodes = [{ host: '127.0.0.1', port: 1 }]
  // That this compiles is the test; the assertion below is that each has what the type says.
  const clients: RedisClient[] = [
    new Redis(options),
    new Redis5(options),
    new iovalkey.Redis(options),
    new Cluster(nodes, options),
    new Cluster5(nodes, options),
    new iovalkey.Cluster(nodes, options),
  ]
  for (const client of clients) {
    t.equal(typeof client.call, 'function')
    t.equal(typeof client.evalsha, 'function')
    t.equal(typeof client.hmget, 'function')
    t.equal(client.status, 'wait')
    client.disconnect()
  }
})
