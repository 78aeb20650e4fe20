import t from 'tap'
import {
  findProvider,
  providerIds,
  providerTable,
  type Provider,
  type ProviderId,
} from '../dist/configuration/providers.js'

const find = (
  host: string,
  more: { tls?: boolean; env?: Record<string, string>; id?: ProviderId } = {},
): Provider =>
  findProvider({ endpoint: { host, port: 6379 }, tls: more.tls ?? false, env: more.env ?? {}, id: more.id })

t.test('every provider is known by its host, and by settings of its own', (t) => {
  const heroku = { tls: true, env: { DYNO: 'web.1' } }
  const expected: [string, Partial<Provider>, Parameters<typeof find>[1]?][] = [
    ['fly-shop.upstash.io', { id: 'upstash', name: 'Upstash on Fly', tls: 'forbidden', databases: 1 }],
    [
      'eu1-good-cat-1.upstash.io',
      { id: 'upstash', tls: 'required', verify: true, databases: 1, heartbeatMs: 60_000 },
    ],
    ['EU1-GOOD-CAT-1.UPSTASH.IO.', { id: 'upstash', billedByCommand: true }],
    ['x-1.kv.vercel-storage.com', { id: 'vercel-kv', tls: 'required', databases: 1 }],
    ['red-abc123', { id: 'render', tls: 'forbidden' }],
    ['oregon-keyvalue.render.com', { id: 'render', tls: 'required' }],
    ['frankfurt-redis.render.com', { id: 'render', tls: 'required' }],
    ['redis.railway.internal', { id: 'railway', tls: 'forbidden', family: 0 }],
    ['roundhouse.proxy.rlwy.net', { id: 'railway', tls: 'by-scheme' }],
    [
      'shop-abc.serverless.use1.cache.amazonaws.com',
      { id: 'elasticache', tls: 'required', topology: 'cluster' },
    ],
    ['clustercfg.shop.abc.use1.cache.amazonaws.com', { topology: 'cluster', tls: 'preferred', databases: 1 }],
    ['shop.abc.clustercfg.use1.cache.amazonaws.com', { topology: 'cluster', tls: 'by-scheme', databases: 1 }],
    ['master.shop.abc.use1.cache.amazonaws.com', { topology: 'single', tls: 'preferred' }],
    ['shop.abc.0001.use1.cache.amazonaws.com', { id: 'elasticache', tls: 'by-scheme' }],
    ['master.shop.abc.cnn1.cache.amazonaws.com.cn', { id: 'elasticache', topology: 'single' }],
    ['clustercfg.shop.abc.memorydb.us-east-1.amazonaws.com', { id: 'memorydb', topology: 'cluster' }],
    ['shop.redis.cache.windows.net', { id: 'azure', tls: 'preferred' }],
    ['shop.westeurope.redis.azure.net', { id: 'azure-managed', databases: 1 }],
    ['redis-1.c1.us-east-1-2.ec2.redns.redis-cloud.com', { id: 'redis-cloud', databases: 1 }],
    ['redis-1.c1.us-east-1-2.ec2.cloud.redislabs.com', { id: 'redis-cloud', databases: 1 }],
    ['shop-app.h.aivencloud.com', { id: 'aiven' }],
    ['shop-do-user-1-0.k.db.ondigitalocean.com', { id: 'digitalocean', verify: true, tls: 'preferred' }],
    ['abc.pub.fr-par.scw.cloud', { id: 'scaleway' }],
    ['abc.dragonflydb.cloud', { id: 'dragonfly-cloud' }],
    ['ec2-1-2-3-4.compute-1.amazonaws.com', { id: 'heroku', verify: false }, heroku],
    ['ec2-1-2-3-4.eu-west-1.compute.amazonaws.com', { id: 'heroku', verify: false }, heroku],
    ['localhost', { id: 'local', heartbeatMs: 800 }],
    ['127.1.2.3', { id: 'local' }],
    ['::1', { id: 'local' }],
    ['redis.example.com', { id: 'unknown', verify: true, family: 0, databases: 'unknown' }],
  ]
  for (const [host, provider, more] of expected) t.match(find(host, more), provider, host)
  t.match(findProvider({ endpoint: { path: '/run/redis.sock' }, tls: false, env: {} }), { id: 'local' })
  t.end()
})

t.test('a look-alike host is not taken for a provider', (t) => {
  for (const host of [
    'upstash.io.evil.example',
    'notupstash.io',
    'red-abc.example.com',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
  ]) {
    t.equal(find(host).id, 'unknown', host)
  }
  t.end()
})

t.test('certificates go unchecked on Heroku alone: on its hosts, with TLS, inside a dyno', (t) => {
  const host = 'ec2-1-2-3-4.compute-1.amazonaws.com'
  t.equal(find(host, { tls: true }).id, 'unknown')
  t.equal(find(host, { tls: true, env: { DYNO: '' } }).id, 'unknown')
  t.equal(find(host, { env: { DYNO: 'web.1' } }).id, 'unknown')
  t.equal(find('redis.example.com', { tls: true, env: { DYNO: 'web.1' } }).id, 'unknown')
  t.same(
    providerTable.filter((row) => !row.verify).map((row) => row.id),
    ['heroku'],
  )
  t.end()
})

t.test('an id that is given overrules the host, and takes the variant that fits it', (t) => {
  t.match(find('redis.example.com', { id: 'upstash' }), { name: 'Upstash' })
  t.match(find('fly-shop.upstash.io', { id: 'upstash' }), { name: 'Upstash on Fly' })
  t.match(find('shop.upstash.io', { id: 'unknown' }), { id: 'unknown' })
  for (const id of providerIds) t.equal(find('redis.example.com', { id }).id, id)
  t.end()
})

t.test('the table keeps its word: billed providers are spared, the last row takes everything', (t) => {
  for (const row of providerTable) {
    if (row.billedByCommand) t.ok(row.heartbeatMs === false || row.heartbeatMs >= 60_000, row.name)
    t.ok(row.connectTimeoutMs.boot >= row.connectTimeoutMs.reconnect, row.name)
    t.equal(row.family, 0, row.name)
    if (row.topology === 'cluster') t.equal(row.databases, 1, row.name)
    t.ok(Object.isFrozen(row))
  }
  t.equal(providerTable.at(-1)?.id, 'unknown')
  t.end()
})
