import { eventually, startCluster, startRedisServer, startSentinel } from '@stayfast/test-kit'
import redisConnection, { type RedisConnectionOptions } from '@stayfast/redis-connection'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { openApp, probe } from './support/open-app.js'

const healthy = /^\{"status":"ok","redis":\{"status":"healthy","latency":"\d+ms","connected":true\}\}$/

async function connectedApp(t: Test, options: RedisConnectionOptions): Promise<FastifyInstance> {
  const { app } = await openApp(t, { sampleEveryMs: 200 }, (app) =>
    app.register(redisConnection, { env: false, ...options }),
  )
  return app
}

async function isHealthy(app: FastifyInstance): Promise<boolean> {
  return healthy.test((await probe(app)).body)
}

t.test('through TLS', async (t) => {
  const server = await startRedisServer({ tls: true, password: 'secret' }, t)
  const app = await connectedApp(t, { url: server.url, tls: { ca: server.ca } })
  await eventually(() => isHealthy(app))
  t.match(app.healthChecks.snapshot().details.redis, [{ servers: [{ role: 'master' }] }])
})

t.test('through sentinels: degraded while there is no primary, well with the next one', async (t) => {
  const rig = await startSentinel({}, t)
  const app = await connectedApp(t, {
    sentinel: { nodes: rig.sentinels.map(({ host, port }) => ({ host, port })), name: rig.name },
  })
  await eventually(() => isHealthy(app), { withinMs: 10_000 })
  await rig.kill()
  await eventually(async () => /^\{"status":"degraded"/.test((await probe(app)).body), { withinMs: 10_000 })
  await eventually(() => isHealthy(app), { withinMs: 30_000 })
  t.pass('well again')
})

t.test('of a Cluster each primary is sampled, and the worst one raises the alarm', async (t) => {
  const rig = await startCluster({}, t)
  const app = await connectedApp(t, {
    cluster: { nodes: rig.nodes.map(({ host, port }) => ({ host, port })) },
  })
  await eventually(() => isHealthy(app), { withinMs: 10_000 })
  await eventually(() => app.healthChecks.snapshot().details.redis[0]?.servers.length === 3)
  const { text } = await app.healthChecks.metrics()
  t.equal(text.match(/^redis_memory_used_bytes\{role="default",node="\w+"\}/gm)?.length, 3)
  const [primary] = await rig.primaries()
  const used = Number(/used_memory:(\d+)/.exec(String(await primary?.command('info', 'memory')))?.[1])
  await primary?.command('config', 'set', 'maxmemory', Math.round(used * 1.1))
  const isFull = (): boolean =>
    app.healthChecks.snapshot().details.alarms.some(({ alarm }) => alarm === 'memory')
  await eventually(isFull, { withinMs: 10_000 })
  await primary?.command('config', 'set', 'maxmemory', 0)
  await eventually(() => !isFull(), { withinMs: 10_000 })

  // Of one that is gone the keys are out of reach, until its replica has taken over.
  if (primary !== undefined) await rig.kill(primary)
  await eventually(() => app.healthChecks.snapshot().details.redis[0]?.refusal === 'cluster-down', {
    withinMs: 10_000,
  })
  t.match((await probe(app)).body, /^\{"status":"degraded","redis":\{"status":"unhealthy"/)
  await eventually(() => isHealthy(app), { withinMs: 20_000 })
})
