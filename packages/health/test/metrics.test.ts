import { openLink } from '@stayfast/link-test-kit'
import { reaches, startRedisServer } from '@stayfast/test-kit'
import redisConnection from '@stayfast/redis-connection'
import { Redis } from 'ioredis'
import t from 'tap'
import health, { healthReport, type HealthReport } from '../dist/index.js'
import { createApp, openApp, probe } from './support/open-app.js'

const server = await startRedisServer({}, t)

/** The value of a metric with these labels, in the order in which they are written. */
function value(text: string, name: string): number | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return line === undefined ? undefined : Number(line.slice(name.length))
}

t.test(
  'what INFO says has the names of redis_exporter, what this process measures has its own',
  async (t) => {
    const { app } = await openApp(t, { metricsRoute: '/metrics', commandBudget: 1000 }, (app) =>
      app.register(redisConnection, { env: { REDIS_URL: server.url } }),
    )
    app.healthChecks.add({ name: 'database', critical: true, run: () => true })
    await app.healthChecks.refresh()
    const { statusCode, type, body } = await probe(app, '/metrics')
    t.equal(statusCode, 200)
    t.match(type, /^text\/plain; version=0\.0\.4/)
    t.equal(value(body, 'redis_up{role="default"}'), 1)
    t.ok(Number(value(body, 'redis_memory_used_bytes{role="default"}')) > 100_000)
    t.ok(Number(value(body, 'redis_connected_clients{role="default"}')) >= 1)
    t.ok(Number(value(body, 'redis_commands_processed_total{role="default"}')) >= 1)
    t.match(body, '# TYPE redis_keyspace_hits_total counter')
    t.match(body, '# TYPE redis_memory_max_bytes gauge')
    t.equal(value(body, 'stayfast_link_state{role="default",state="up"}'), 1)
    t.equal(value(body, 'stayfast_link_state{role="default",state="down"}'), 0)
    t.ok(Number(value(body, 'stayfast_link_work_total{role="default",outcome="answered"}')) >= 2)
    t.ok(Number(value(body, 'stayfast_redis_latency_seconds{role="default",of="last"}')) < 1)
    t.equal(value(body, 'stayfast_health_check_up{check="database",critical="true"}'), 1)
    t.equal(value(body, 'stayfast_health_status{status="ok"}'), 1)
    t.equal(value(body, 'stayfast_health_phase{phase="ready"}'), 1)
    t.ok(Number(value(body, 'stayfast_redis_commands_total')) >= 2)
    for (const secret of ['127.0.0.1', String(server.port)]) t.notMatch(body, secret)
  },
)

t.test('a scrape costs Redis nothing', async (t) => {
  const link = await openLink(t, server.url, { heartbeatMs: false })
  const { app } = await openApp(t, { redis: link, metricsRoute: '/metrics', sampleEveryMs: 60_000 })
  const commands = await server.countCommands(async () => {
    for (let scrape = 0; scrape < 20; scrape += 1) await app.inject('/metrics')
  })
  t.strictSame(commands, {})
})

t.test('what Redis said before it went away is no measurement', async (t) => {
  const gone = await startRedisServer({}, t)
  const link = await openLink(t, gone.url)
  const { app } = await openApp(t, { redis: link })
  await Promise.all([reaches(link, 'down'), gone.kill()])
  const { text } = await app.healthChecks.metrics()
  t.equal(value(text, 'redis_up{role="default"}'), 0)
  t.notMatch(text, 'redis_memory_used_bytes')
  t.notMatch(text, 'stayfast_redis_latency_seconds')
})

t.test(
  'plugins report themselves without knowing this one, whatever their decorators are called',
  async (t) => {
    const link = await openLink(t, server.url, { name: 'cache' })
    const { app } = createApp(t)
    const report = (): HealthReport => ({
      plugin: 'tagged-cache',
      link,
      holds: 'cache',
      counts: { hits_total: 12, entries: 3, broken: Number.NaN },
    })
    // The symbol is registered: that is how a plugin offers it without importing anything.
    app.decorate('pages', { [Symbol.for('stayfast.health')]: report })
    app.decorate('unwell', {
      [healthReport]: () => {
        throw new Error('no report')
      },
    })
    app.decorate('getter', {
      getter: () => {
        throw new Error('a getter is not to be called')
      },
    })
    app.register(health, { redis: false })
    await app.ready()
    t.match(app.healthChecks.snapshot().details.plugins, {
      pages: { plugin: 'tagged-cache', hits_total: 12, entries: 3 },
    })
    const { text } = await app.healthChecks.metrics()
    t.match(text, '# TYPE stayfast_tagged_cache_hits_total counter')
    t.equal(value(text, 'stayfast_tagged_cache_hits_total{decorator="pages"}'), 12)
    t.equal(value(text, 'stayfast_tagged_cache_entries{decorator="pages"}'), 3)
    t.equal(value(text, 'stayfast_link_state{role="pages",state="up"}'), 1, 'a link that it alone has')
    t.notMatch(text, 'broken')
  },
)

t.test('metrics are for those whom metricsFor lets in', async (t) => {
  const { app } = await openApp(t, {
    metricsRoute: '/internal/metrics',
    metricsFor: ({ headers }) => headers.authorization === 'Bearer x',
  })
  t.match(await probe(app, '/internal/metrics'), { statusCode: 403, body: /STAY_HEALTH_METRICS_DENIED/ })
  t.match(await probe(app, '/internal/metrics', { authorization: 'Bearer x' }), { statusCode: 200 })
})

t.test('a route that another plugin has is left to it', async (t) => {
  const { app, lines } = await openApp(t, { metricsRoute: '/metrics' }, (app) => {
    app.get('/metrics', () => 'theirs')
  })
  t.match(await probe(app, '/metrics'), { body: 'theirs' })
  t.ok(
    lines.some(
      ({ msg }) => msg === 'health: /metrics belongs to another plugin; metrics are not added to it',
    ),
  )
})

t.test('a client of the app is measured through a link of its own', async (t) => {
  const client = new Redis(server.url)
  t.teardown(() => {
    client.disconnect()
  })
  const { app } = await openApp(t, { redis: client })
  const { text } = await app.healthChecks.metrics()
  t.equal(value(text, 'redis_up{role="default"}'), 1)
  await app.close()
  t.equal(await client.ping(), 'PONG', 'and not closed with the app')
})
