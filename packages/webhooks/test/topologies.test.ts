import fastifyRedis from '@fastify/redis'
import { openLink } from '@stayfast/link-test-kit'
import redisConnection, { type RedisConnectionOptions } from '@stayfast/redis-connection'
import {
  eventually,
  startCluster,
  startRedisServer,
  topologies,
  type TopologyAccess,
  startStopwatch,
} from '@stayfast/test-kit'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import webhooks, { hmac, type WebhooksOptions } from '../dist/index.js'
import { signedEvent, testSecret } from './signed-event.js'

interface Started {
  readonly app: FastifyInstance
  readonly handled: string[]
}

/** An app with handlers; how it reaches Redis is up to `connect`. */
async function startApp(
  t: Test,
  connect: (app: FastifyInstance) => void,
  options: Partial<WebhooksOptions> = {},
): Promise<Started> {
  const app = Fastify()
  const handled: string[] = []
  // Before its Redis: the order of registration does not matter.
  app.register(webhooks, {
    providers: { generic: hmac({ secrets: testSecret }) },
    env: false,
    backoffDelayMs: 20,
    attempts: 2,
    leaseSeconds: 2,
    claimSeconds: 1,
    ...options,
  })
  connect(app)
  app.after(() => {
    app.webhooks.on('generic', 'fails', () => {
      throw new Error('no')
    })
    app.webhooks.on('generic', '*', ({ id }) => void handled.push(id))
  })
  t.teardown(() => app.close())
  await app.ready()
  return { app, handled }
}

const status = async (app: FastifyInstance, id: string, topic = 'x'): Promise<number> =>
  (await app.inject(signedEvent({ id, topic }))).statusCode

/** All that an app promises while Redis is well, whatever Redis it is. */
async function takesAndHandles(t: Test, { app, handled }: Started): Promise<void> {
  t.equal(await status(app, '1'), 202)
  t.equal(await status(app, '1'), 200)
  t.equal((await app.inject(signedEvent({ id: '1', topic: 'x', body: '{}' }))).statusCode, 422)
  await eventually(() => handled.length === 1)
  t.equal(await status(app, 'dead', 'fails'), 202)
  await eventually(async () => (await app.webhooks.stats()).queue.deadLetters === 1)
  const { items } = await app.webhooks.deadLetters.list()
  t.match(items, [{ eventId: 'dead', attempts: 2 }])
  t.equal(await app.webhooks.deadLetters.replay(items[0]?.id ?? ''), true)
  await eventually(async () => (await app.webhooks.stats()).process.deadLettered === 2)
  await eventually(async () => (await app.webhooks.stats()).queue.deadLetters === 1)
  t.equal(await app.webhooks.deadLetters.discard(items[0]?.id ?? ''), true)
  t.match((await app.webhooks.stats()).queue, { waiting: 0, delayed: 0, deadLetters: 0 })
}

const connected =
  (options: RedisConnectionOptions) =>
  (app: FastifyInstance): void => {
    app.register(redisConnection, { env: false, ...options })
  }

const addresses = (nodes: readonly { host: string; port: number }[]): { host: string; port: number }[] =>
  nodes.map(({ host, port }) => ({ host, port }))

function optionsFor(access: TopologyAccess): RedisConnectionOptions {
  const tls = access.ca === undefined ? {} : { tls: { ca: access.ca } }
  switch (access.kind) {
    case 'single':
      return { url: access.url, ...tls }
    case 'sentinel':
      return { sentinel: { nodes: addresses(access.sentinels), name: access.name }, ...tls }
    case 'cluster':
      return { cluster: { nodes: addresses(access.nodes) }, ...tls }
  }
}

for (const [name, start] of Object.entries(topologies)) {
  t.test(
    `${name}: webhooks are taken and handled, put off while it is frozen, and taken again`,
    async (t) => {
      const topology = await start(t)
      const started = await startApp(t, connected(optionsFor(topology.access)))
      const { app, handled } = started
      const roles = ['queue', 'webhook'] as const
      const up = (): boolean => roles.every((role) => app.redisConnection.link(role).status === 'up')
      await eventually(up, { withinMs: 20_000 })
      await takesAndHandles(t, started)
      await eventually(async () => (await app.webhooks.stats()).queue.active === 0)
      topology.freeze()
      t.equal(await status(app, 'during'), 503)
      t.equal(await status(app, 'during'), 503)
      topology.thaw()
      await eventually(async () => [200, 202].includes(await status(app, 'during')), { withinMs: 30_000 })
      await eventually(() => handled.includes('during'), { withinMs: 30_000 })
      t.equal(handled.filter((id) => id === 'during').length, 1)
    },
  )
}

t.test('with redis-connection the queue lives in database 1 and receipts in database 2', async (t) => {
  const server = await startRedisServer({}, t)
  await takesAndHandles(t, await startApp(t, connected({ url: server.url })))
  const keyspace = String(await server.command('info', 'keyspace'))
  t.match(keyspace, /db1:keys=/)
  t.match(keyspace, /db2:keys=2/)
  t.notMatch(keyspace, /db0:/)
})

t.test('on a server with one database they are told apart by prefix', async (t) => {
  const server = await startRedisServer({ upstashLike: true }, t)
  await takesAndHandles(t, await startApp(t, connected({ url: server.url })))
  const keys = await server.command('keys', '*')
  t.ok(Array.isArray(keys) && keys.length > 3)
  for (const key of Array.isArray(keys) ? keys : []) t.match(key, /^(queue:bull:webhooks:|webhook:webhook:)/)
})

t.test('on a Cluster, also when the primary that holds the queue is killed', async (t) => {
  const rig = await startCluster({}, t)
  const nodes = rig.nodes.map(({ host, port }) => ({ host, port }))
  const started = await startApp(t, connected({ cluster: { nodes } }))
  const { app, handled } = started
  await eventually(async () => (await status(app, 'first')) === 202)
  await eventually(() => handled.length === 1)
  handled.length = 0
  await takesAndHandles(t, started)

  let holder = rig.nodes[0]
  for (const primary of await rig.primaries()) {
    const keys = await primary.command('keys', 'queue:{bull}:*')
    if (Array.isArray(keys) && keys.length > 0) holder = primary
  }
  if (holder === undefined) throw new Error('Nobody holds the queue.')
  await rig.kill(holder)
  const answers = new Set<number>()
  for (let round = 0; round < 20; round += 1) answers.add(await status(app, 'during'))
  t.ok(
    [...answers].every((answer) => [503, 202, 200].includes(answer)),
    [...answers].join(' '),
  )
  await eventually(async () => [200, 202].includes(await status(app, 'during')), { withinMs: 30_000 })
  await eventually(() => handled.includes('during'), { withinMs: 30_000 })
  t.equal(handled.filter((id) => id === 'during').length, 1)
})

t.test('with @fastify/redis, a namespace of it, and a client that the app shares', async (t) => {
  const server = await startRedisServer({}, t)
  const withClient = await startApp(t, (app) => void app.register(fastifyRedis, { url: server.url }))
  await takesAndHandles(t, withClient)
  const withNamespace = await startApp(
    t,
    (app) => void app.register(fastifyRedis, { url: server.url, namespace: 'shop' }),
    { redis: 'shop', keyPrefix: 'namespace:' },
  )
  await takesAndHandles(t, withNamespace)
  const client = new Redis(server.url)
  t.teardown(() => {
    client.disconnect()
  })
  const shared = await startApp(t, () => undefined, { redis: client, share: true, keyPrefix: 'shared:' })
  await takesAndHandles(t, shared)
  await shared.app.close()
  t.equal(await client.ping(), 'PONG', 'which is not closed with the app')
})

t.test('over a link alone, which cannot wait for work, it looks for work', async (t) => {
  const server = await startRedisServer({}, t)
  const link = await openLink(t, server.url)
  const started = await startApp(t, () => undefined, { redis: link })
  await takesAndHandles(t, started)
  const closingMs = startStopwatch()
  await started.app.close()
  t.ok(closingMs() < 3000)
  t.equal(link.status, 'up', 'a link of the app is not closed')
})
