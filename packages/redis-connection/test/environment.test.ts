import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readCertificates } from '../dist/configuration/certificate.js'
import { readEnvironment, type EnvironmentSettings } from '../dist/configuration/environment.js'
import { certificate } from './support/certificate.js'
import { configErrorOf } from './support/errors.js'

const read = (env: Record<string, string>): EnvironmentSettings => readEnvironment(env, { server: true })
const refused = (env: Record<string, string>): { code: string; message: string } =>
  configErrorOf(() => read(env))

t.test('the .env of a typical app works as it is, empty values included', (t) => {
  const empty = {
    REDIS_URL: '',
    REDIS_HOST: '',
    REDIS_PORT: '6379',
    REDIS_USERNAME: '',
    REDIS_PASSWORD: '',
    REDIS_TLS: '',
    REDIS_TLS_ENABLED: 'false',
    REDIS_TLS_CA: '',
    REDIS_DB: '0',
    REDIS_CLUSTER_NODES: '',
    REDIS_SENTINELS: '""',
    REDIS_SENTINEL_NAME: 'mymaster',
    REDIS_CACHE_DB: '0',
    REDIS_QUEUE_DB: '1',
    REDIS_WEBHOOK_DB: '2',
    REDIS_CACHE_URL: '',
    REDIS_QUEUE_URL: '',
    REDIS_WEBHOOK_URL: "''",
    REDIS_KEY_PREFIX: '',
    REDIS_TTL_SECONDS: '86400',
  }
  t.match(read(empty), { server: undefined, keyPrefix: undefined, notices: [] })
  const local = read({ ...empty, REDIS_HOST: ' localhost ', REDIS_PASSWORD: ' "hunter 2" ' })
  t.match(local, {
    server: { endpoints: [{ host: 'localhost', port: 6379 }], db: 0, tlsSwitch: { on: false } },
    roles: { cache: { db: 0 }, queue: { db: 1, server: undefined }, webhook: { db: 2 } },
    notices: [],
  })
  t.same(local.server?.credentials.reveal(), { username: undefined, password: 'hunter 2' })
  t.end()
})

t.test('a URL wins over host and port, and one notice says so', (t) => {
  const settings = read({
    REDIS_URL: "'rediss://:p@a.example:1/3'",
    REDIS_HOST: 'b.example',
    REDIS_PORT: 'tcp://10.0.0.1:6379',
    REDIS_PASSWORD: 'other',
    REDIS_DB: '5',
  })
  t.match(settings.server, { endpoints: [{ host: 'a.example', port: 1 }], schemeTls: true, db: 3 })
  t.equal(settings.server?.credentials.reveal().password, 'p')
  t.match(settings.notices, [
    { level: 'info', message: 'REDIS_URL wins over REDIS_HOST, REDIS_PORT, REDIS_PASSWORD, REDIS_DB.' },
  ])
  t.equal(settings.notices.length, 1)
  t.end()
})

t.test('a URL without credentials or database takes them from their variables', (t) => {
  const { server, notices } = read({
    REDIS_URL: 'redis://h:1',
    REDIS_USERNAME: 'joe',
    REDIS_PASSWORD: 'p',
    REDIS_DB: '4',
  })
  t.match(server, { db: 4, dbSource: 'REDIS_DB' })
  t.same(server?.credentials.reveal(), { username: 'joe', password: 'p' })
  t.same(notices, [])
  t.end()
})

t.test('clusters and sentinels are lists of nodes, with one login for all', (t) => {
  const cluster = read({ REDIS_CLUSTER_NODES: 'a:7000, b;[::1]:7002', REDIS_PASSWORD: 'p', REDIS_HOST: 'x' })
  t.match(cluster.server, {
    topology: 'cluster',
    endpoints: [
      { host: 'a', port: 7000 },
      { host: 'b', port: 6379 },
      { host: '::1', port: 7002 },
    ],
  })
  t.equal(cluster.server?.credentials.reveal().password, 'p')
  t.match(cluster.notices, [{ message: 'REDIS_CLUSTER_NODES wins over REDIS_HOST.' }])
  const sentinel = read({
    REDIS_SENTINELS: 'redis://:s@a,redis://:s@b:1',
    REDIS_SENTINEL_NAME: 'shop',
    REDIS_PASSWORD: 'p',
  })
  t.match(sentinel.server, {
    topology: 'sentinel',
    masterName: 'shop',
    endpoints: [{ port: 26_379 }, { port: 1 }],
  })
  t.equal(sentinel.server?.sentinelCredentials.reveal().password, 's')
  t.equal(sentinel.server?.credentials.reveal().password, 'p')
  t.end()
})

t.test('what a variable cannot be is refused by its name, with the remedy', (t) => {
  const wrong: [Record<string, string>, string, RegExp][] = [
    [{ REDIS_HOST: 'h', REDIS_PORT: '70000' }, 'INVALID_PORT', /REDIS_PORT is "70000".*1 to 65535/],
    [{ REDIS_HOST: 'h', REDIS_PORT: 'abc' }, 'INVALID_PORT', /REDIS_PORT is "abc"/],
    [{ REDIS_HOST: 'h', REDIS_PORT: 'tcp://10.0.0.1:6379' }, 'INVALID_PORT', /tcp:\/\/.*Kubernetes/],
    [{ REDIS_HOST: 'h', REDIS_DB: 'abc' }, 'INVALID_DB', /REDIS_DB is "abc".*whole number/],
    [{ REDIS_HOST: 'h', REDIS_DB: '-1' }, 'INVALID_DB', /REDIS_DB is "-1"/],
    [{ REDIS_HOST: 'h', REDIS_DB: 'a b c hunter2' }, 'INVALID_DB', /REDIS_DB has a value of another kind/],
    [{ REDIS_QUEUE_DB: '1.5' }, 'INVALID_DB', /REDIS_QUEUE_DB is "1\.5"/],
    [{ REDIS_HOST: 'h', REDIS_TLS: 'maybe' }, 'INVALID_SWITCH', /REDIS_TLS is "maybe".*true or false/],
    [{ REDIS_HOST: 'h', REDIS_TLS: 'on', REDIS_TLS_ENABLED: '0' }, 'CONFLICT', /REDIS_TLS is true and/],
    [{ REDIS_HOST: 'redis://:hunter2@h' }, 'INVALID_HOST', /REDIS_HOST is a URL.*REDIS_URL/],
    [{ REDIS_HOST: 'h:6379' }, 'INVALID_HOST', /REDIS_HOST is neither.*host alone/],
    [
      { REDIS_URL: 'redis://:a@h', REDIS_SENTINELS: 'b' },
      'CONFLICT',
      /REDIS_URL and REDIS_SENTINELS are both set/,
    ],
    [{ REDIS_SENTINELS: 'a' }, 'NO_SENTINEL_NAME', /REDIS_SENTINEL_NAME/],
    [{ REDIS_CLUSTER_NODES: ' , ' }, 'NO_NODES', /REDIS_CLUSTER_NODES lists no node/],
    [
      { REDIS_CLUSTER_NODES: 'redis://:hunter2@a,redis://b' },
      'CONFLICT',
      /differ in scheme, user or password/,
    ],
    [{ REDIS_CLUSTER_NODES: 'redis://a/2' }, 'CONFLICT', /names a database/],
    [{ REDIS_CLUSTER_NODES: 'a:x' }, 'INVALID_URL', /A node of REDIS_CLUSTER_NODES/],
    [{ REDIS_CACHE_URL: 'https://x' }, 'REST_URL', /REDIS_CACHE_URL/],
    [{ REDIS_HOST: 'h', REDIS_TLS_CA: 'nowhere.pem' }, 'INVALID_CA', /REDIS_TLS_CA .*ENOENT/],
  ]
  for (const [env, code, message] of wrong) {
    const error = refused(env)
    t.match(error, { code: `STAY_REDIS_CONFIG_${code}`, message }, JSON.stringify(env))
    t.notMatch(error.message, 'hunter2')
  }
  t.end()
})

t.test('switches are read in every usual spelling', (t) => {
  for (const on of ['true', '1', 'YES', 'on'])
    t.match(read({ REDIS_HOST: 'h', REDIS_TLS: on }).server?.tlsSwitch, { on: true })
  for (const off of ['false', '0', 'No', 'off']) {
    t.match(read({ REDIS_HOST: 'h', REDIS_TLS_ENABLED: off }).server?.tlsSwitch, {
      on: false,
      source: 'REDIS_TLS_ENABLED',
    })
  }
  t.end()
})

t.test('a URL that a platform put elsewhere is pointed out, never used', (t) => {
  for (const name of ['KV_URL', 'UPSTASH_REDIS_REST_URL', 'KV_REST_API_URL']) {
    const { server, notices } = read({ [name]: 'https://:hunter2@x.upstash.io' })
    t.equal(server, undefined)
    t.match(notices, [{ level: 'warn', message: new RegExp(`${name}.*REDIS_URL`) }])
    t.notMatch(JSON.stringify(notices), 'hunter2')
    t.same(read({ [name]: 'https://x', REDIS_URL: 'redis://h' }).notices, [])
  }
  t.match(read({ REDIS_PASSWORD: 'hunter2' }).notices, [{ message: /REDIS_PASSWORD set, but neither/ }])
  t.end()
})

t.test('variables of a server are left alone where none is wanted', (t) => {
  const settings = readEnvironment({ REDIS_URL: 'broken', REDIS_QUEUE_DB: '3' }, { server: false })
  t.match(settings, { server: undefined, roles: { queue: { db: 3 } }, notices: [] })
  t.end()
})

t.test('an authority is read as PEM, escaped PEM, PEM on one line, base64 and from a file', (t) => {
  const file = join(t.testdir({}), 'ca.pem')
  writeFileSync(file, `some text\n${certificate}`)
  const pem = readCertificates(certificate, 'REDIS_TLS_CA')
  t.equal(pem.trim(), certificate.trim())
  const forms = [
    certificate.replaceAll('\n', '\\n'),
    certificate.replaceAll('\n', ' '),
    certificate.replaceAll('\n', '\r\n'),
    Buffer.from(certificate).toString('base64'),
    Buffer.from(certificate).toString('base64url'),
    file,
  ]
  for (const form of forms) t.equal(readCertificates(form, 'REDIS_TLS_CA'), pem)
  t.equal(readCertificates(certificate + certificate, 'REDIS_TLS_CA'), pem + pem)
  t.match(read({ REDIS_URL: 'rediss://h', REDIS_TLS_CA: forms[0] ?? '' }).server, { tls: { ca: pem } })
  t.end()
})

t.test('what is no certificate is refused without showing it', (t) => {
  const wrong: [string, RegExp][] = [
    ['-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----', /private key/],
    ['-----BEGIN CERTIFICATE-----\nhunter2\n-----END CERTIFICATE-----', /cannot be read/],
    ['-----BEGIN CERTIFICATE-----\nhunter2', /holds no certificate/],
    ['hunter2', /ENOENT/],
    ['/', /EISDIR/],
  ]
  for (const [text, message] of wrong) {
    const error = configErrorOf(() => readCertificates(text, 'REDIS_TLS_CA'))
    t.match(error, { code: 'STAY_REDIS_CONFIG_INVALID_CA', message })
    t.notMatch(error.message, 'hunter2')
  }
  t.end()
})
