import { Cluster, Redis } from 'ioredis'
import t from 'tap'
import {
  resolveConnectionConfig,
  type ConnectionConfig,
  type OpenedConfig,
} from '../dist/configuration/connection-config.js'
import { roles, type Environment, type RedisConnectionOptions } from '../dist/options.js'
import { confineToOneDatabase } from '../dist/configuration/role-placement.js'
import { certificate } from './support/certificate.js'
import { configErrorOf } from './support/errors.js'

function open(options: RedisConnectionOptions, env: Environment = {}): OpenedConfig {
  const config = resolveConnectionConfig(options, env)
  if (config.kind === 'none' || config.kind === 'adopted')
    throw new Error(`The configuration is ${config.kind}.`)
  return config
}

const refused = (options: RedisConnectionOptions, env: Environment = {}): { code: string; message: string } =>
  configErrorOf(() => resolveConnectionConfig(options, env))

/** Database and prefix of every role, such as `0 1@queue:`. */
const placed = (config: Pick<OpenedConfig, 'targets'>): string =>
  roles
    .map(
      (role) =>
        `${config.targets[role].db}${config.targets[role].keyPrefix && `@${config.targets[role].keyPrefix}`}`,
    )
    .join(' ')

const codes = (config: ConnectionConfig): string[] =>
  config.notices.map(({ code }) => code.replace('STAY_REDIS_NOTICE_', ''))

t.test('nothing configured is no error, unless Redis is required', (t) => {
  t.match(resolveConnectionConfig({}, {}), { kind: 'none', bootWaitMs: 400, keyPrefix: '', notices: [] })
  t.match(resolveConnectionConfig({ env: false }, { REDIS_URL: 'redis://h' }), { kind: 'none' })
  t.match(resolveConnectionConfig({ db: 3, password: '' }, {}), { kind: 'none' })
  t.match(refused({ bootMode: 'require' }), { code: 'STAY_REDIS_CONFIG_NOT_CONFIGURED' })
  t.match(refused({}, { REDIS_CACHE_URL: 'redis://h' }), {
    code: 'STAY_REDIS_CONFIG_NO_DEFAULT_SERVER',
    message: /REDIS_CACHE_URL is set.*REDIS_URL/,
  })
  t.end()
})

t.test('roles have databases 0, 0, 1 and 2 of one server, and the app a prefix in front of all', (t) => {
  const config = open({}, { REDIS_URL: 'redis://localhost', REDIS_KEY_PREFIX: 'shop:' })
  t.match(config, { kind: 'single', provider: { id: 'local' }, keyPrefix: 'shop:' })
  t.equal(placed(config), '0@shop: 0@shop: 1@shop: 2@shop:')
  const { targets } = config
  t.equal(targets.default.identity, targets.cache.identity)
  t.equal(new Set(roles.map((role) => targets[role].identity)).size, 3)
  t.notOk(targets.queue.explicitDb)
  t.equal(
    placed(open({ url: 'redis://localhost', keyPrefix: 'a:' }, { REDIS_KEY_PREFIX: 'b:' })),
    '0@a: 0@a: 1@a: 2@a:',
  )
  t.end()
})

t.test('a database in the URL or in REDIS_DB keeps all roles there, by prefix', (t) => {
  const prefixed = '3 3 3@queue: 3@webhook:'
  t.equal(placed(open({}, { REDIS_URL: 'redis://h/3' })), prefixed)
  t.equal(placed(open({}, { REDIS_URL: 'redis://h', REDIS_DB: '3' })), prefixed)
  t.equal(placed(open({ url: 'redis://h', db: 3 })), prefixed)
  t.equal(placed(open({ db: 3 }, { REDIS_URL: 'redis://h/5' })), prefixed)
  t.equal(placed(open({}, { REDIS_URL: 'redis://h/0' })), '0 0 0@queue: 0@webhook:')
  t.equal(
    placed(open({}, { REDIS_URL: 'redis://h/3', REDIS_KEY_PREFIX: 'shop:' })),
    '3@shop: 3@shop: 3@shop:queue: 3@shop:webhook:',
  )
  t.match(open({}, { REDIS_URL: 'redis://h/3' }).targets, {
    default: { explicitDb: true },
    queue: { explicitDb: false },
  })
  t.end()
})

t.test('databases that roles are given win, and a role that shares one is still set apart', (t) => {
  const env = { REDIS_URL: 'redis://h/3', REDIS_CACHE_DB: '7', REDIS_QUEUE_DB: '8' }
  t.equal(placed(open({}, env)), '3 7 8 3@webhook:')
  t.equal(placed(open({ roles: { queue: { db: 9 } } }, env)), '3 7 9 3@webhook:')
  t.equal(placed(open({ roles: { default: { db: 4 } } }, { REDIS_URL: 'redis://h' })), '4 0 1 2')
  t.equal(
    placed(open({}, { REDIS_URL: 'redis://h', REDIS_QUEUE_DB: '0', REDIS_WEBHOOK_DB: '1' })),
    '0 0 0@queue: 1',
  )
  t.equal(
    placed(open({}, { REDIS_URL: 'redis://h', REDIS_QUEUE_DB: '5', REDIS_WEBHOOK_DB: '5' })),
    '0 0 5 5@webhook:',
  )
  t.match(open({}, env).targets.queue, { explicitDb: true })
  t.end()
})

t.test('a role with a URL has a server of its own', (t) => {
  const env = {
    REDIS_URL: 'redis://a.example/3',
    REDIS_QUEUE_URL: 'rediss://q.upstash.io',
    REDIS_WEBHOOK_URL: 'rediss://q.upstash.io',
    REDIS_CACHE_URL: 'redis://localhost:1/6',
  }
  const config = open({}, env)
  t.equal(placed(config), '3 6 0 0@webhook:')
  t.match(config, { kind: 'single', provider: { id: 'unknown' } })
  t.match(config.targets, {
    cache: { server: { provider: { id: 'local' }, tls: false }, explicitDb: true },
    queue: { server: { provider: { id: 'upstash' }, tls: true }, explicitDb: false },
  })
  t.equal(config.targets.queue.identity, config.targets.webhook.identity)
  const option = open(
    { roles: { queue: { url: 'redis://b.example' } } },
    { REDIS_URL: 'redis://h', REDIS_QUEUE_DB: '5' },
  )
  t.equal(placed(option), '0 0 0 2')
  t.equal(placed(open({ roles: { default: { url: 'redis://h' } } })), '0 0 1 2')
  t.end()
})

t.test('equal servers with equal logins have equal identities, which hold no secret', (t) => {
  const identity = (url: string): string => open({ url }).targets.default.identity
  t.equal(identity('redis://:hunter2@h'), identity('redis://:hunter2@H:6379'))
  t.equal(identity('redis://:hunter2@h'), identity('valkey://:hunter2@h/0'))
  const all = [
    'redis://:hunter2@h',
    'redis://:other@h',
    'redis://j:hunter2@h',
    'redis://h',
    'rediss://:hunter2@h',
    'redis://h:1',
    'redis://h/1',
  ]
  t.equal(new Set(all.map(identity)).size, all.length)
  for (const url of all) t.match(identity(url), /^[0-9a-f]{32}\/\d$/)
  t.end()
})

t.test('a provider with one database gets all roles by prefix, and says why it refuses another', (t) => {
  const url = 'rediss://:hunter2@shop.upstash.io'
  t.equal(placed(open({ url })), '0 0 0@queue: 0@webhook:')
  for (const [options, env] of [
    [{ url: `${url}/2` }, {}],
    [{ url, db: 1 }, {}],
    [{ url, roles: { queue: { db: 1 } } }, {}],
    [{}, { REDIS_URL: url, REDIS_QUEUE_DB: '5' }],
    [{}, { REDIS_URL: url, REDIS_DB: '1' }],
    [{ url, roles: { cache: { url: `${url}/4` } } }, {}],
  ] as const) {
    const error = refused(options, env)
    t.match(error, { code: 'STAY_REDIS_CONFIG_ONE_DATABASE', message: /Upstash has database 0 only.*prefix/ })
    t.notMatch(error.message, 'hunter2')
  }
  t.match(refused({}, { REDIS_URL: url, REDIS_QUEUE_DB: '5' }), {
    message: /^REDIS_QUEUE_DB asks for database 5/,
  })
  t.equal(placed(open({ url: `${url}/2`, provider: 'unknown' })), '2 2 2@queue: 2@webhook:')
  t.end()
})

t.test('variables that repeat the default databases do no harm where there is one database', (t) => {
  const env = {
    REDIS_URL: 'rediss://shop.upstash.io',
    REDIS_CACHE_DB: '0',
    REDIS_QUEUE_DB: '1',
    REDIS_WEBHOOK_DB: '2',
  }
  const config = open({}, env)
  t.equal(placed(config), '0 0 0@queue: 0@webhook:')
  t.same(codes(config), ['ROLES_SHARE_DATABASE', 'ROLES_SHARE_DATABASE'])
  t.end()
})

t.test('roles move together when a server turns out to have one database', (t) => {
  const config = open({ url: 'redis://h', keyPrefix: 'a:', roles: { queue: { url: 'redis://q/4' } } })
  t.equal(placed(config), '0@a: 0@a: 4@a: 2@a:')
  const confined = {
    targets: confineToOneDatabase(config.targets, config.targets.default.server, config.keyPrefix),
  }
  t.equal(placed(confined), '0@a: 0@a: 4@a: 0@a:webhook:')
  t.equal(confined.targets.webhook.identity, confined.targets.default.identity)
  t.end()
})

t.test('TLS: the scheme decides, a switch adds it, required providers get it, an option is final', (t) => {
  const tls = (options: RedisConnectionOptions, env: Environment = {}): [boolean, ...string[]] => {
    const config = open(options, env)
    return [config.targets.default.server.tls, ...codes(config)]
  }
  const upstash = 'shop.upstash.io'
  t.same(tls({ url: 'redis://h' }), [false])
  t.same(tls({ url: 'rediss://h' }), [true])
  t.same(tls({}, { REDIS_URL: 'redis://h', REDIS_TLS: 'true' }), [true])
  t.same(tls({}, { REDIS_URL: 'rediss://h', REDIS_TLS_ENABLED: 'false' }), [true, 'TLS_KEPT'])
  t.same(tls({ tls: false }, { REDIS_URL: 'rediss://h' }), [false])
  t.same(tls({ url: 'redis://h', tls: true }), [true])
  t.same(tls({ url: 'redis://h', tls: {} }), [true])
  t.same(tls({ url: `redis://${upstash}` }), [true, 'TLS_UPGRADED'])
  t.same(tls({ host: upstash }), [true, 'TLS_UPGRADED'])
  t.same(tls({}, { REDIS_HOST: upstash, REDIS_TLS: '0' }), [true, 'TLS_UPGRADED'])
  t.same(tls({ host: upstash, tls: false }), [false])
  t.same(tls({ url: 'redis://fly-shop.upstash.io' }), [false])
  t.same(tls({ url: 'rediss://fly-shop.upstash.io' }), [true, 'TLS_UNEXPECTED'])
  t.same(tls({ url: 'redis://shop.redis.cache.windows.net:6380' }), [true, 'TLS_UPGRADED'])
  t.same(tls({}, { REDIS_HOST: 'shop.redis.cache.windows.net', REDIS_TLS: 'no' }), [false])
  t.same(tls({ url: 'unix:///run/redis.sock', tls: true }), [false])
  t.same(tls({}, { REDIS_HOST: 'h', REDIS_TLS_CA: certificate }), [false, 'TLS_SETTINGS_UNUSED'])
  t.end()
})

t.test('certificates are checked, except on Heroku, unless an option says otherwise', (t) => {
  const options = (config: OpenedConfig): object => ({ ...config.targets.default.server.tlsOptions() })
  t.same(options(open({ url: 'rediss://h' })), { rejectUnauthorized: true })
  t.same(options(open({ url: 'redis://h' })), {})
  const heroku = { REDIS_URL: 'rediss://:p@ec2-1-2-3-4.compute-1.amazonaws.com:6380', DYNO: 'web.1' }
  const exception = open({}, heroku)
  t.same(options(exception), { rejectUnauthorized: false })
  t.match(exception, { provider: { id: 'heroku' }, notices: [{ level: 'info', code: /VERIFICATION_OFF/ }] })
  t.match(options(open({}, { ...heroku, REDIS_TLS_CA: certificate })), { rejectUnauthorized: true })
  t.match(options(open({ tls: { rejectUnauthorized: true } }, heroku)), { rejectUnauthorized: true })
  const off = open({
    url: 'rediss://h',
    tls: { rejectUnauthorized: false, servername: 'x', cert: 'c', key: 'k', ca: certificate },
  })
  t.match(options(off), {
    rejectUnauthorized: false,
    servername: 'x',
    cert: 'c',
    key: 'k',
    ca: [/BEGIN CERTIFICATE/],
  })
  t.match(off.notices, [{ level: 'warn', code: /VERIFICATION_OFF/ }])
  t.end()
})

t.test("a server named by options leaves the environment's password alone and says so", (t) => {
  const env = { REDIS_URL: 'redis://:hunter2@b.example', REDIS_PASSWORD: 'hunter2', REDIS_DB: 'broken' }
  for (const options of [{ url: 'redis://a.example' }, { host: 'a.example', port: 1 }]) {
    const config = open(options, env)
    t.match(config.targets.default.server.endpoints, [{ host: 'a.example' }])
    t.ok(config.targets.default.server.credentials.isEmpty)
    t.match(config.notices, [{ code: /ENVIRONMENT_IGNORED/, message: /REDIS_URL, REDIS_PASSWORD, REDIS_DB/ }])
    t.notMatch(config.notices, [{ message: 'hunter2' }])
  }
  t.end()
})

t.test('single options win over the same setting of the environment', (t) => {
  const env = { REDIS_HOST: 'h', REDIS_PORT: '1', REDIS_USERNAME: 'joe', REDIS_PASSWORD: 'p' }
  const { server } = open(
    { port: 2, password: 'q', family: 4, connectTimeoutMs: 50, heartbeatMs: false },
    env,
  ).targets.default
  t.match(server, { endpoints: [{ host: 'h', port: 2 }], family: 4, heartbeatMs: false })
  t.same(server.connectTimeoutMs, { boot: 50, reconnect: 50 })
  t.same(server.credentials.reveal(), { username: 'joe', password: 'q' })
  t.match(open({ port: 2 }).targets.default.server.endpoints, [{ host: 'localhost', port: 2 }])
  t.match(open({ host: '/run/redis.sock' }).targets.default.server.endpoints, [{ path: '/run/redis.sock' }])
  t.equal(open({ url: 'redis://h?family=6' }).targets.default.server.family, 6)
  t.end()
})

t.test('clusters have database 0 only, whether they are named as such or known by their host', (t) => {
  const cluster = open({
    cluster: { nodes: ['a:7000', { host: '::1', port: 7001 }, { host: 'b' }] },
    password: 'p',
  })
  t.match(cluster, { kind: 'cluster' })
  t.match(cluster.targets.default.server.endpoints, [
    { port: 7000 },
    { host: '::1', port: 7001 },
    { host: 'b', port: 6379 },
  ])
  t.equal(placed(cluster), '0 0 0@queue: 0@webhook:')
  t.match(refused({ cluster: { nodes: ['a'] }, db: 1 }), { code: 'STAY_REDIS_CONFIG_ONE_DATABASE' })
  t.match(refused({ cluster: { nodes: [] } }), { code: 'STAY_REDIS_CONFIG_NO_NODES' })
  const detected = open({}, { REDIS_URL: 'rediss://clustercfg.shop.abc.use1.cache.amazonaws.com:6379' })
  t.match(detected, { kind: 'cluster', provider: { id: 'elasticache' } })
  t.same(codes(detected), ['CLUSTER_DETECTED'])
  t.end()
})

t.test('sentinels have a password of their own', (t) => {
  const config = open({ sentinel: { nodes: ['a', 'b:1'], name: 'shop', password: 's' }, password: 'p' })
  t.match(config, { kind: 'sentinel', targets: { default: { server: { masterName: 'shop' } } } })
  const { server } = config.targets.default
  t.equal(server.sentinelCredentials.reveal().password, 's')
  t.equal(server.credentials.reveal().password, 'p')
  t.equal(placed(config), '0 0 1 2')
  t.end()
})

t.test('options that contradict each other are refused', (t) => {
  const client = new Redis({ lazyConnect: true })
  const conflicts: RedisConnectionOptions[] = [
    { url: 'redis://h', host: 'h' },
    { url: 'redis://h', port: 1 },
    { url: 'redis://h/1', db: 2 },
    { url: 'rediss://h', tls: false },
    { cluster: { nodes: ['a'] }, sentinel: { nodes: ['a'], name: 'b' } },
    { client, url: 'redis://h' },
    { client, password: 'hunter2' },
    { client, roles: { queue: { url: 'redis://h' } } },
  ]
  for (const options of conflicts) t.match(refused(options), { code: 'STAY_REDIS_CONFIG_CONFLICT' })
  client.disconnect()
  t.end()
})

t.test('a key prefix that would choose slots or match too much is refused', (t) => {
  for (const keyPrefix of ['a{b}', 'a*', 'a b', 'a?', 'a\n', '[a]']) {
    t.match(refused({ url: 'redis://h', keyPrefix }), { code: 'STAY_REDIS_CONFIG_INVALID_KEY_PREFIX' })
  }
  t.end()
})

t.test('an adopted client keeps all roles in its own database, unless they are given others', (t) => {
  const client = new Redis({ host: 'shop.example', db: 4, keyPrefix: 'x:', lazyConnect: true })
  const config = resolveConnectionConfig(
    { client, roles: { webhook: { db: 6 } }, heartbeatMs: 500 },
    { REDIS_URL: 'redis://other' },
  )
  t.match(config, { kind: 'adopted', provider: { id: 'unknown' }, heartbeatMs: 500 })
  if (config.kind === 'adopted') {
    t.equal(config.client, client)
    t.match(config.targets, {
      default: { db: 4, keyPrefix: '' },
      queue: { db: 4, keyPrefix: 'queue:' },
      webhook: { db: 6, keyPrefix: '', explicitDb: true },
    })
  }
  t.same(codes(config), ['ENVIRONMENT_IGNORED', 'CLIENT_KEY_PREFIX'])
  client.disconnect()
  t.end()
})

t.test('an adopted Cluster, and one at a provider with one database, refuse others', (t) => {
  const cluster = new Cluster([{ host: 'a', port: 1 }], { lazyConnect: true })
  const upstash = new Redis('rediss://shop.upstash.io', { lazyConnect: true })
  for (const client of [cluster, upstash]) {
    t.match(refused({ client, roles: { queue: { db: 1 } } }), { code: 'STAY_REDIS_CONFIG_ONE_DATABASE' })
    client.disconnect()
  }
  const socket = new Redis('/run/redis.sock', { lazyConnect: true })
  t.match(resolveConnectionConfig({ client: socket }, {}), { provider: { id: 'local' } })
  t.match(resolveConnectionConfig({ client: cluster, provider: 'memorydb' }, {}), {
    provider: { id: 'memorydb' },
  })
  socket.disconnect()
  t.end()
})

t.test('foreign parameters of a URL are named in a notice', (t) => {
  t.match(open({ url: 'rediss://h?ssl_cert_reqs=none&timeout=5' }).notices, [
    { message: /ssl_cert_reqs, timeout/ },
  ])
  t.end()
})

t.test(
  'nodes are named by host and port: IPv6 without a port has the usual one, a socket file is none',
  (t) => {
    const nodes = [{ host: '::1' }, '[::2]', { host: '::3', port: 7001 }]
    t.match(open({ cluster: { nodes } }).targets.default.server.endpoints, [
      { host: '::1', port: 6379 },
      { host: '::2', port: 6379 },
      { host: '::3', port: 7001 },
    ])
    t.match(open({ sentinel: { nodes: ['[::1]'], name: 'm' } }).targets.default.server.endpoints, [
      { host: '::1', port: 26_379 },
    ])
    for (const socket of ['/run/redis.sock', 'unix:///run/redis.sock']) {
      t.match(refused({ cluster: { nodes: ['a', socket] } }), { code: 'STAY_REDIS_CONFIG_INVALID_HOST' })
      t.match(refused({}, { REDIS_CLUSTER_NODES: socket }), { code: 'STAY_REDIS_CONFIG_INVALID_HOST' })
    }
    t.end()
  },
)
