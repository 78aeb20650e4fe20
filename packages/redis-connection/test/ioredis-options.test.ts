import { once } from 'node:events'
import { Cluster, Redis } from 'ioredis'
import t from 'tap'
import { resolveConnectionConfig, type OpenedConfig } from '../dist/configuration/connection-config.js'
import {
  blockingIoredisOptionsFor,
  blockingClusterOptionsFor,
  clusterOptionsFor,
  ioredisOptionsFor,
} from '../dist/configuration/ioredis-options.js'
import type { RedisConnectionOptions } from '../dist/options.js'
import { startRedis } from './support/redis-server.js'

function open(options: RedisConnectionOptions): OpenedConfig {
  const config = resolveConnectionConfig(options, {})
  if (config.kind === 'none' || config.kind === 'adopted')
    throw new Error(`The configuration is ${config.kind}.`)
  return config
}
const reconnect = { retryStrategy: () => 20 }

t.test('an ordinary client sends at most once, queues nothing and leaves deadlines to the link', (t) => {
  const config = open({ url: 'redis://joe:p%40ss@h.example:1/3' })
  t.same(ioredisOptionsFor(config.targets.queue, config, reconnect), {
    host: 'h.example',
    port: 1,
    db: 3,
    username: 'joe',
    password: 'p@ss',
    family: 0,
    enableReadyCheck: false,
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: 5000,
    disconnectTimeout: 100,
    keepAlive: 10_000,
    disableClientInfo: true,
    connectionName: 'stayfast:queue',
    retryStrategy: reconnect.retryStrategy,
  })
  t.end()
})

t.test('a client of a provider billed by the command sends no optional command', (t) => {
  const config = open({ url: 'redis://:p@shop.upstash.io' })
  const options = ioredisOptionsFor(config.targets.default, config, { ...reconnect, protocol: 2 })
  t.equal(options.connectionName, undefined)
  t.match(options, {
    protocol: 2,
    disableClientInfo: true,
    connectTimeout: 30_000,
    tls: { rejectUnauthorized: true },
  })
  t.end()
})

t.test('a blocking client waits for ever, and notices silence where its rhythm is known', (t) => {
  const config = open({ url: 'redis://h.example' })
  const options = blockingIoredisOptionsFor(config.targets.queue, config, reconnect)
  t.match(options, { maxRetriesPerRequest: null, enableOfflineQueue: true, db: 1 })
  t.equal(options.socketTimeout, undefined)
  t.equal(options.commandTimeout, undefined)
  t.equal(blockingIoredisOptionsFor(config.targets.queue, config, reconnect, 60).socketTimeout, 125_000)
  t.end()
})

t.test('further ioredis options of the app reach every kind of client', (t) => {
  const reconnectOnError = (): 2 => 2
  const extras = { enableAutoPipelining: true, keepAlive: 5 }
  const config = open({ url: 'redis://h.example', ioredis: extras })
  t.match(ioredisOptionsFor(config.targets.default, config, { ...reconnect, reconnectOnError }), {
    ...extras,
    reconnectOnError,
  })
  t.match(blockingIoredisOptionsFor(config.targets.default, config, reconnect), extras)
  t.match(clusterOptionsFor(config.targets.default, config, reconnect).options.redisOptions, extras)
  t.end()
})

t.test('sentinels and clusters get the settings that make a failover short', (t) => {
  const sentinel = open({
    sentinel: { nodes: ['a', 'b:1'], name: 'shop', password: 's' },
    password: 'p',
    tls: true,
  })
  const options = ioredisOptionsFor(sentinel.targets.queue, sentinel, reconnect)
  t.match(options, {
    name: 'shop',
    sentinels: [
      { host: 'a', port: 26_379 },
      { host: 'b', port: 1 },
    ],
    password: 'p',
    sentinelPassword: 's',
    enableTLSForSentinelMode: true,
    failoverDetector: true,
    sentinelCommandTimeout: 1000,
    socketTimeout: 1500,
    db: 1,
  })
  t.equal(options.sentinelRetryStrategy?.(1), 200)
  t.equal(options.sentinelRetryStrategy?.(50), 2000)

  const cluster = open({ cluster: { nodes: ['a:7000'] }, password: 'p', tls: true })
  const { nodes, options: clusterOptions } = clusterOptionsFor(cluster.targets.default, cluster, reconnect)
  t.same(nodes, [{ host: 'a', port: 7000 }])
  t.match(clusterOptions, {
    enableOfflineQueue: false,
    slotsRefreshTimeout: 2000,
    retryDelayOnFailover: 0,
    redisOptions: { password: 'p', socketTimeout: 1500, tls: { rejectUnauthorized: true } },
  })
  clusterOptions.dnsLookup?.('a', (error, address) => t.same([error, address], [null, 'a']))
  t.equal(
    clusterOptionsFor(open({ cluster: { nodes: ['a'] } }).targets.default, cluster, reconnect).options
      .dnsLookup,
    undefined,
  )
  new Cluster(nodes, clusterOptions).disconnect()

  const waiting = blockingClusterOptionsFor(cluster.targets.default, cluster, reconnect).options
  t.match(waiting, { enableOfflineQueue: true, redisOptions: { maxRetriesPerRequest: null } })
  t.equal(waiting.redisOptions.socketTimeout, undefined, 'a connection that waits for work may be silent')
  t.equal(
    blockingIoredisOptionsFor(sentinel.targets.queue, sentinel, reconnect).socketTimeout,
    undefined,
    'through sentinels too',
  )
  new Redis(options).disconnect()
  t.end()
})

t.test('against a real server: the login works, and roles land in their databases', async (t) => {
  const port = await startRedis(t, '--requirepass', 'p@ss#1')
  const config = open({ url: `redis://default:${encodeURIComponent('p@ss#1')}@127.0.0.1:${port}` })
  const clients = (['default', 'queue'] as const).map(
    (role) => new Redis(ioredisOptionsFor(config.targets[role], config, reconnect)),
  )
  const [first, queue] = clients
  if (first === undefined || queue === undefined) throw new Error('Two clients were made.')
  t.teardown(() => clients.forEach((client) => client.disconnect()))
  await Promise.all(clients.map((client) => client.connect()))
  await queue.set('job', '1')
  t.equal(await first.get('job'), null)
  t.match(await queue.client('INFO'), /name=stayfast:queue .*db=1 /)
  t.end()
})

t.test(
  'against a real server: a command in flight when the connection drops is rejected at once',
  async (t) => {
    const port = await startRedis(t)
    const config = open({ port })
    const make = (): Redis => new Redis(ioredisOptionsFor(config.targets.default, config, reconnect))
    const [client, killer] = [make(), make()]
    t.teardown(() => [client, killer].forEach((each) => each.disconnect()))
    client.on('error', () => undefined)
    await Promise.all([client.connect(), killer.connect()])
    const id = await client.client('ID')
    const settled = client.blpop('nothing', 0).then(
      () => 'resolved',
      () => 'rejected',
    )
    const reconnected = once(client, 'ready')
    await killer.client('KILL', 'ID', id)
    t.equal(await settled, 'rejected')
    await reconnected
    t.equal(await client.ping(), 'PONG')
  },
)
