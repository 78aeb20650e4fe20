import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { diagnose, type Diagnosis, type DiagnosisContext } from '../dist/diagnosis/diagnosis.js'
import { signals } from '../dist/diagnosis/diagnosis-table.js'
import type { ClientOptions } from '../dist/configuration/ioredis-options.js'
import { freePort, startRedis } from './support/redis-server.js'

const plain: DiagnosisContext = { tls: false, providerId: 'unknown', neverConnected: true }
const encrypted: DiagnosisContext = { ...plain, tls: true }
const later: DiagnosisContext = { ...plain, neverConnected: false }

const coded = (code: string, message = ''): Error => Object.assign(new Error(message), { code })

t.test('every signal of the table is recognised by what servers and networks really say', (t) => {
  const expected: [string, unknown, DiagnosisContext, Diagnosis['retry']][] = [
    [
      'wrong-credentials',
      new Error('WRONGPASS invalid username-password pair or user is disabled.'),
      plain,
      'slow',
    ],
    ['wrong-credentials', new Error('ERR invalid password'), plain, 'slow'],
    ['no-credentials', new Error('NOAUTH Authentication required.'), later, 'slow'],
    [
      'no-credentials',
      new Error(
        'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used',
      ),
      plain,
      'slow',
    ],
    [
      'credentials-of-no-use',
      new Error('ERR AUTH <password> called without any password configured for the default user.'),
      plain,
      'slow',
    ],
    [
      'protected-mode',
      new Error('DENIED Redis is running in protected mode because protected mode is enabled'),
      plain,
      'slow',
    ],
    [
      'quota-requests',
      new Error('ERR max daily request limit exceeded. Limit: 10000, Usage: 10000.'),
      later,
      'slow',
    ],
    ['quota-requests', new Error('ERR max requests limit exceeded. Limit: 500000'), later, 'slow'],
    ['quota-capacity', new Error('ERR DB capacity quota exceeded'), later, 'wait'],
    ['quota-size', new Error('ERR max request size exceeded'), later, 'wait'],
    ['quota-size', new Error('ERR max single record size exceeded'), later, 'wait'],
    ['quota-size', new Error('ERR max key size exceeded'), later, 'wait'],
    ['quota-connections', new Error('ERR max concurrent connections exceeded'), plain, 'slow'],
    ['too-many-clients', new Error('ERR max number of clients reached'), plain, 'slow'],
    ['loading', new Error('LOADING Redis is loading the dataset in memory'), plain, 'wait'],
    [
      'no-master',
      new Error("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
      later,
      'wait',
    ],
    ['cluster-down', new Error('CLUSTERDOWN Hash slot not served'), later, 'wait'],
    ['read-only', new Error("READONLY You can't write against a read only replica."), later, 'fast'],
    ['out-of-memory', new Error("OOM command not allowed when used memory > 'maxmemory'."), later, 'wait'],
    ['cannot-persist', new Error('MISCONF Redis is configured to save RDB snapshots'), later, 'wait'],
    ['too-few-replicas', new Error('NOREPLICAS Not enough good replicas to write.'), later, 'wait'],
    ['busy-script', new Error('BUSY Redis is busy running a script.'), later, 'wait'],
    ['is-a-cluster', new Error('MOVED 3999 127.0.0.1:6381'), later, 'slow'],
    ['is-a-cluster', new Error('ERR SELECT is not allowed in cluster mode'), plain, 'slow'],
    ['cross-slot', new Error("CROSSSLOT Keys in request don't hash to the same slot"), later, 'wait'],
    [
      'cross-slot',
      new Error('All the keys in a pipeline command should belong to the same slot'),
      later,
      'wait',
    ],
    [
      'no-permission',
      new Error("NOPERM this user has no permissions to run the 'config|get' command"),
      later,
      'wait',
    ],
    ['no-such-database', new Error('ERR DB index is out of range'), plain, 'wait'],
    ['http-server', new Error('Unknown RESP type 72 "H". Please report this.'), plain, 'slow'],
    ['server-speaks-tls', new Error('Unknown RESP type 21 "\u0015". Please report this.'), plain, 'slow'],
    ['not-redis', new Error('Unknown RESP type 83 "S". Please report this.'), plain, 'slow'],
    ['certificate-not-trusted', coded('SELF_SIGNED_CERT_IN_CHAIN'), encrypted, 'slow'],
    ['certificate-not-trusted', coded('DEPTH_ZERO_SELF_SIGNED_CERT'), encrypted, 'slow'],
    ['certificate-of-another-name', coded('ERR_TLS_CERT_ALTNAME_INVALID'), encrypted, 'slow'],
    ['certificate-expired', coded('CERT_HAS_EXPIRED'), encrypted, 'slow'],
    ['client-certificate-wanted', coded('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), encrypted, 'slow'],
    ['server-speaks-plain', coded('ERR_SSL_WRONG_VERSION_NUMBER'), encrypted, 'slow'],
    [
      'server-speaks-plain',
      coded('EPROTO', 'SSL routines:ssl3_get_record:wrong version number'),
      encrypted,
      'slow',
    ],
    ['tls-handshake-timeout', coded('ETIMEDOUT', 'connect ETIMEDOUT'), encrypted, 'fast'],
    [
      'closed-in-tls-handshake',
      coded('ECONNRESET', 'Client network socket disconnected before secure TLS connection was established'),
      encrypted,
      'fast',
    ],
    ['closed-at-once', coded('ECONNRESET', 'read ECONNRESET'), plain, 'fast'],
    ['closed-at-once', new Error('Connection is closed.'), plain, 'fast'],
    ['closed-in-handshake', coded('EPIPE', 'write EPIPE'), plain, 'slow'],
    ['silent', new Error('the server accepted the connection and stayed silent'), plain, 'fast'],
    ['closed-at-once', new Error('the connection was closed'), plain, 'fast'],
    ['closed', new Error('the connection was closed'), later, 'fast'],
    ['no-such-host', coded('ENOTFOUND', 'getaddrinfo ENOTFOUND h.example'), plain, 'fast'],
    ['dns-unreachable', coded('EAI_AGAIN', 'getaddrinfo EAI_AGAIN h.example'), plain, 'fast'],
    ['refused', coded('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:6379'), plain, 'fast'],
    ['unreachable', coded('EHOSTUNREACH'), later, 'fast'],
    ['timeout', coded('ETIMEDOUT', 'connect ETIMEDOUT'), plain, 'fast'],
    [
      'timeout',
      new Error("Socket timeout. Expecting data, but didn't receive any in 1000ms."),
      later,
      'fast',
    ],
    ['no-socket-file', coded('ENOENT', 'connect ENOENT /run/redis.sock'), plain, 'fast'],
    [
      'unknown-master',
      new Error('All sentinels are unreachable. Retrying from scratch after 10ms.'),
      plain,
      'fast',
    ],
    [
      'unknown-master',
      new Error(
        'All sentinels are unreachable. Retrying from scratch after 10ms. Last error: ERR No such master with that name',
      ),
      plain,
      'fast',
    ],
    [
      'sentinels-unreachable',
      new Error(
        'All sentinels are unreachable. Retrying from scratch after 10ms. Last error: connect ECONNREFUSED',
      ),
      plain,
      'fast',
    ],
    [
      'sentinel-credentials',
      new Error(
        'All sentinels are unreachable. Retrying from scratch after 10ms. Last error: NOAUTH Authentication required.',
      ),
      plain,
      'fast',
    ],
    ['nodes-unreachable', new Error('None of startup nodes is available'), plain, 'fast'],
    ['nodes-unreachable', new Error('Failed to refresh slots cache.'), plain, 'fast'],
    ['closed', coded('ECONNRESET', 'read ECONNRESET'), later, 'fast'],
    ['closed', new Error('Connection is closed.'), later, 'fast'],
    [
      'closed',
      new Error(
        'Reached the max retries per request limit (which is 0). Refer to "maxRetriesPerRequest" option for details.',
      ),
      later,
      'fast',
    ],
  ]
  for (const [signal, error, context, retry] of expected) {
    t.match(
      diagnose(error, context),
      { signal, retry, summary: /\.$/, hint: /\.$/ },
      `${signal}: ${String(error)}`,
    )
  }
  const seen = new Set(expected.map(([signal]) => signal))
  t.same(
    signals.map(({ signal }) => signal).filter((signal) => !seen.has(signal)),
    [],
  )
  t.end()
})

t.test('errors are unwrapped: aggregates with an empty message, causes, the last node of a cluster', (t) => {
  const inner = coded('ECONNREFUSED', 'connect ECONNREFUSED ::1:6379')
  t.match(diagnose(new AggregateError([inner, coded('ENETUNREACH')]), plain), { signal: 'refused' })
  t.match(diagnose(new Error('outer', { cause: inner }), plain), { signal: 'refused' })
  const cluster = Object.assign(new Error('Failed to refresh slots cache.'), {
    lastNodeError: new Error('NOAUTH x'),
  })
  t.match(diagnose(cluster, plain), { signal: 'no-credentials' })
  const loop = new Error('loop')
  loop.cause = loop
  t.match(diagnose(loop, plain), { signal: 'unknown' })
  t.end()
})

t.test('what is not known is named by its code alone', (t) => {
  t.match(diagnose(coded('ENOSPC', 'secret words'), plain), {
    signal: 'unknown',
    summary: /\(ENOSPC\)/,
    retry: 'fast',
  })
  t.match(diagnose(new Error('ERR wrong number of hunter2'), plain), { summary: /\(ERR\)/ })
  t.match(diagnose('hunter2', plain), { summary: 'Redis or the connection to it failed.' })
  t.match(diagnose(undefined, plain), { signal: 'unknown' })
  t.end()
})

t.test('a provider adds what is known of it to the hint', (t) => {
  const error = coded('ENOTFOUND')
  t.match(diagnose(error, { ...plain, providerId: 'render' }), { hint: /same account and region/ })
  t.notMatch(diagnose(error, plain), { hint: /region/ })
  t.end()
})

/** The first error that a client emits, and what comes of it. */
async function failureOf(t: Test, options: Partial<ClientOptions>): Promise<Diagnosis> {
  const client = new Redis({
    host: '127.0.0.1',
    lazyConnect: true,
    connectTimeout: 300,
    retryStrategy: () => 10_000,
    ...options,
  })
  t.teardown(() => client.disconnect())
  const failed = new Promise<unknown>((resolve) => client.once('error', resolve))
  client.connect().catch(() => undefined)
  const error = await failed
  client.on('error', () => undefined)
  return diagnose(error, { ...plain, tls: options.tls !== undefined })
}

async function listen(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as AddressInfo).port
}

t.test('against real servers: what ioredis emits is recognised', async (t) => {
  const [guarded, open, single] = await Promise.all([
    startRedis(t, '--requirepass', 'hunter2'),
    startRedis(t),
    startRedis(t, '--databases', '1'),
  ])
  t.match(await failureOf(t, { port: guarded }), { signal: 'no-credentials' })
  t.match(await failureOf(t, { port: guarded, protocol: 2 }), { signal: 'no-credentials' })
  t.match(await failureOf(t, { port: guarded, password: 'wrong' }), { signal: 'wrong-credentials' })
  t.match(await failureOf(t, { port: guarded, username: 'joe', password: 'wrong' }), {
    signal: 'wrong-credentials',
  })
  t.match(await failureOf(t, { port: open, tls: {} }), {
    signal: 'tls-handshake-timeout',
    hint: /redis:\/\//,
  })
  t.match(await failureOf(t, { port: single, db: 3 }), { signal: 'no-such-database' })
  t.match(await failureOf(t, { port: await freePort() }), { signal: 'refused' })
  t.match(await failureOf(t, { host: 'redis.invalid' }), { signal: /no-such-host|dns-unreachable/ })
  t.match(await failureOf(t, { path: '/nowhere/redis.sock' }), { signal: 'no-socket-file' })
})

t.test('against other servers: HTTP, one that resets, one that resets a TLS handshake', async (t) => {
  const http = await listen(
    t,
    createHttpServer((_, response) => response.end('hello')),
  )
  t.match(await failureOf(t, { port: http }), { signal: 'http-server' })
  const reset = await listen(
    t,
    createServer((socket) => socket.once('data', () => socket.resetAndDestroy())),
  )
  t.match(await failureOf(t, { port: reset }), { signal: 'closed-at-once', hint: /rediss:\/\// })
  t.match(await failureOf(t, { port: reset, tls: {} }), {
    signal: 'closed-in-tls-handshake',
    hint: /redis:\/\//,
  })
})

t.test('against a server at its limit of clients', async (t) => {
  const port = await startRedis(t, '--maxclients', '1')
  const first = new Redis({ port, host: '127.0.0.1' })
  t.teardown(() => first.disconnect())
  await first.ping()
  t.match(await failureOf(t, { port }), { signal: /too-many-clients|closed-in-handshake/, retry: 'slow' })
  t.match(await failureOf(t, { port, tls: {} }), { signal: /server-speaks-plain|closed-in/ })
})
