import { Cluster, Redis } from 'ioredis'
import { Redis as Valkey } from 'iovalkey'
import t from 'tap'
import { isRedisConfigError, redisConfigError, redisConfigErrorCodes } from '../dist/errors.js'
import {
  checkOptions,
  defaultOptions,
  type AdoptableClient,
  type RedisConnectionOptions,
} from '../dist/options.js'
import { configErrorOf } from './support/errors.js'

// What JavaScript, or a file, may hand over without a compiler in between.
const untyped = (options: unknown): RedisConnectionOptions => options as RedisConnectionOptions
const refused = (options: unknown): { code: string; message: string; remedy: string } =>
  configErrorOf(() => checkOptions(untyped(options)))

t.test('every error has a code of its own, three sentences, the remedy apart and its cause', (t) => {
  t.equal(new Set(redisConfigErrorCodes).size, redisConfigErrorCodes.length)
  for (const code of redisConfigErrorCodes) {
    const cause = new Error('below')
    const error = redisConfigError(code, {
      what: 'It broke, 100%s.',
      why: 'Because.',
      remedy: 'Mend it.',
      cause,
    })
    t.match(error, {
      code,
      message: 'It broke, 100%s. Because. Mend it.',
      remedy: 'Mend it.',
      cause,
      canRetry: false,
    })
    t.ok(isRedisConfigError(error))
  }
  t.notOk(isRedisConfigError(new Error('other')))
  t.notOk(isRedisConfigError(Object.assign(new Error('other'), { code: 'ECONNREFUSED' })))
  t.end()
})

t.test('no options at all give the defaults', (t) => {
  t.same(checkOptions(), defaultOptions)
  t.ok(Object.isFrozen(defaultOptions))
  t.match(checkOptions({ deadlineMs: 50, url: undefined }), { ...defaultOptions, deadlineMs: 50 })
  t.end()
})

t.test('an unknown option is refused with the nearest known one, at every depth', (t) => {
  t.match(refused({ hots: 'x' }), {
    code: 'STAY_REDIS_CONFIG_UNKNOWN_OPTION',
    message: /"hots".*Did you mean "host"\?/,
  })
  t.match(refused({ prefix: 'x' }), { remedy: 'Did you mean "keyPrefix"?' })
  t.match(refused({ tls: { rejectUnauthorised: true } }), {
    message: /"tls\.rejectUnauthorised".*"rejectUnauthorized"/,
  })
  t.match(refused({ roles: { cach: {} } }), { message: /"roles\.cach".*"cache"/ })
  t.match(refused({ roles: { cache: { database: 1 } } }), { code: 'STAY_REDIS_CONFIG_UNKNOWN_OPTION' })
  t.match(refused({ cluster: { nodes: [{ host: 'a', prt: 1 }] } }), {
    message: /"cluster\.nodes\[0\]\.prt".*"port"/,
  })
  t.match(refused({ sentinel: { nodes: [], nmae: 'x' } }), { remedy: 'Did you mean "name"?' })
  t.end()
})

t.test('a wrong type is refused with what it must be, without showing strings', (t) => {
  const wrong: [unknown, RegExp][] = [
    [{ url: 5 }, /The option url is 5\. It must be a string/],
    [{ url: ' ' }, /The option url is a string\. It must be a string that is not empty/],
    [{ password: 5 }, /option password/],
    [{ port: '6379' }, /The option port is a string\. It must be a whole number from 1 to 65535/],
    [{ tls: 'yes' }, /The option tls is a string/],
    [{ tls: { ca: 5 } }, /tls\.ca/],
    [{ tls: { ca: ['x', 5] } }, /tls\.ca/],
    [{ tls: { cert: null } }, /The option tls\.cert is null/],
    [{ tls: { rejectUnauthorized: 0 } }, /true or false/],
    [{ cluster: [] }, /The option cluster is an array/],
    [{ cluster: { nodes: 'a' } }, /must be an array/],
    [{ cluster: { nodes: [5] } }, /cluster\.nodes\[0\]/],
    [{ client: {} }, /The option client is an object\. It must be an ioredis/],
    [{ client: null }, /option client is null/],
    [{ env: 'production' }, /option env/],
    [{ heartbeatMs: true }, /option heartbeatMs/],
    [{ bootMode: 5 }, /one of serve, require/],
    [{ provider: 'hunter2 and more' }, /The option provider is a string/],
    [{ ioredis: 5 }, /option ioredis is 5/],
    [5, /The option {2}is 5/],
  ]
  for (const [options, message] of wrong) {
    t.match(refused(options), { code: 'STAY_REDIS_CONFIG_WRONG_TYPE', message })
  }
  t.end()
})

t.test('a number out of range and an unknown choice are refused with the value', (t) => {
  const wrong: [unknown, RegExp][] = [
    [{ port: 0 }, /The option port is 0\. .* from 1 to 65535/],
    [{ port: 65_536 }, /65536/],
    [{ db: -1 }, /option db is -1/],
    [{ db: 1.5 }, /option db is 1\.5/],
    [{ deadlineMs: Number.NaN }, /deadlineMs is NaN/],
    [{ heartbeatMs: 5 }, /heartbeatMs is 5/],
    [{ bootMode: 'requires' }, /"requires".*Did you mean "require"\?/],
    [{ provider: 'upstahs' }, /"upstahs".*Did you mean "upstash"\?/],
  ]
  for (const [options, message] of wrong) {
    t.match(refused(options), { code: 'STAY_REDIS_CONFIG_OUT_OF_RANGE', message })
  }
  t.match(refused({ family: 5 }), { code: 'STAY_REDIS_CONFIG_WRONG_TYPE', message: /one of 0, 4, 6/ })
  t.end()
})

t.test('ioredis options that keep requests safe are refused, and say why; others pass', (t) => {
  for (const name of [
    'enableOfflineQueue',
    'retryStrategy',
    'maxRetriesPerRequest',
    'lazyConnect',
    'keyPrefix',
  ]) {
    const error = refused({ ioredis: { [name]: 'hunter2' } })
    t.match(error, { code: 'STAY_REDIS_CONFIG_UNSAFE_OPTION', message: new RegExp(`ioredis\\.${name}`) })
    t.notMatch(error.message, 'hunter2')
  }
  t.match(refused({ ioredis: { password: 'hunter2' } }), { message: /Use the option of this name/ })
  t.match(checkOptions({ ioredis: { enableAutoPipelining: true } }), {
    ioredis: { enableAutoPipelining: true },
  })
  t.end()
})

t.test('clients of ioredis, a Cluster and iovalkey can be adopted, in types and in fact', (t) => {
  const clients: (AdoptableClient & { disconnect(): void })[] = [
    new Redis({ lazyConnect: true }),
    new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true }),
    new Valkey({ lazyConnect: true }),
  ]
  for (const client of clients) {
    t.equal(checkOptions({ client }).client, client)
    client.disconnect()
  }
  t.end()
})

t.test('a password that was given as a number is not shown', (t) => {
  for (const options of [
    { host: 'h', password: 20_261_121 },
    { sentinel: { nodes: ['h'], name: 'm', password: 20_261_121 } },
  ]) {
    const error = refused(options)
    t.match(error, { code: 'STAY_REDIS_CONFIG_WRONG_TYPE', message: /password is a number/ })
    t.notMatch(error.message, '20261121')
  }
  t.end()
})
