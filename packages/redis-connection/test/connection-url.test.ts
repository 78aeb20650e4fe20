import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { parseConnectionUrl } from '../dist/configuration/connection-url.js'
import { configErrorOf } from './support/errors.js'

const parse = (text: string): ReturnType<typeof parseConnectionUrl> => parseConnectionUrl(text, 'REDIS_URL')
const refused = (text: string): { code: string; message: string; remedy: string } =>
  configErrorOf(() => parse(text))

t.test('the schemes of redis and valkey say whether TLS is spoken', (t) => {
  t.match(parse('redis://cache.example'), { endpoint: { host: 'cache.example', port: 6379 }, tls: false })
  t.match(parse('valkey://cache.example:1'), { endpoint: { port: 1 }, tls: false })
  t.match(parse('REDISS://Cache.Example:65535/'), {
    endpoint: { host: 'cache.example', port: 65_535 },
    tls: true,
  })
  t.match(parse('valkeys://cache.example'), { tls: true })
  t.match(parse('redis://cache.example?tls=true'), { tls: true })
  t.match(parse(' localhost:6380 '), { endpoint: { host: 'localhost', port: 6380 }, tls: undefined })
  t.match(parse('redis:6379'), { endpoint: { host: 'redis', port: 6379 }, tls: undefined })
  t.end()
})

t.test('addresses, databases and families are read from where they belong', (t) => {
  t.match(parse('redis://[::1]:7000/15'), { endpoint: { host: '::1', port: 7000 }, db: 15 })
  t.match(parse('redis://[FE80::1]'), { endpoint: { host: 'fe80::1', port: 6379 }, db: undefined })
  t.match(parse('redis://my_redis-1.internal.:6379?db=3&family=6'), { db: 3, family: 6 })
  t.match(parse('redis://h/2?db=2&family=4'), { db: 2, family: 4 })
  t.match(parse('redis://h?family=0&ssl_cert_reqs=none'), { family: 0, ignoredParameters: ['ssl_cert_reqs'] })
  t.match(parse('unix:///run/redis.sock?db=2'), { endpoint: { path: '/run/redis.sock' }, db: 2, tls: false })
  t.match(parse('/run/redis%20one.sock'), { endpoint: { path: '/run/redis one.sock' } })
  t.end()
})

t.test('user and password are percent-decoded, and either may be missing', (t) => {
  t.same(parse('redis://h').credentials.reveal(), { username: undefined, password: undefined })
  t.same(parse('redis://:@h').credentials.reveal(), { username: undefined, password: undefined })
  t.same(parse('redis://:p%40ss@h').credentials.reveal(), { username: undefined, password: 'p@ss' })
  t.same(parse('redis://joe:@h').credentials.reveal(), { username: 'joe', password: '' })
  t.same(parse('redis://joe:a:b%3Ac+d@h').credentials.reveal(), { username: 'joe', password: 'a:b:c+d' })
  t.end()
})

t.test('any address and any credentials survive the way into a URL and back', (t) => {
  const host = fc.oneof(
    fc.domain(),
    fc.ipV4(),
    fc.ipV6().filter((ip) => URL.canParse(`http://[${ip}]`)),
  )
  const unicode = fc.string({ unit: 'grapheme', minLength: 1 })
  fc.assert(
    fc.property(
      host,
      fc.integer({ min: 1, max: 65_535 }),
      fc.option(unicode, { nil: undefined }),
      unicode,
      fc.option(fc.integer({ min: 0, max: 2_147_483_647 }), { nil: undefined }),
      fc.constantFrom('redis', 'rediss', 'valkey', 'valkeys'),
      (name, port, username, password, db, scheme) => {
        const address = name.includes(':') ? `[${name}]` : name
        const login = `${encodeURIComponent(username ?? '')}:${encodeURIComponent(password)}`
        const url = parse(`${scheme}://${login}@${address}:${port}${db === undefined ? '' : `/${db}`}`)
        assert.deepEqual(url.endpoint, { host: name.toLowerCase(), port })
        assert.deepEqual(url.credentials.reveal(), { username, password })
        assert.equal(url.db, db)
        assert.equal(url.tls, scheme === 'rediss' || scheme === 'valkeys')
      },
    ),
  )
  t.end()
})

t.test('the REST URL is refused with where to find the other one', (t) => {
  for (const url of ['https://eu1.upstash.io', 'http://localhost:6379', 'HTTPS://x']) {
    t.match(refused(url), { code: 'STAY_REDIS_CONFIG_REST_URL', message: /REST URL.*[Cc]opy the redis URL/ })
  }
  t.end()
})

t.test('an unencoded # @ / ? or % in the password is told from a broken URL', (t) => {
  for (const password of [
    'hunter#2',
    'hunter@2',
    'hunter/2',
    'hunter?2',
    'a/b#c@d?e',
    '#',
    'hunter%2',
    '%zz',
  ]) {
    for (const user of ['', 'joe']) {
      const error = refused(`rediss://${user}:${password}@h.example:6379/0`)
      t.match(error, { code: 'STAY_REDIS_CONFIG_NOT_ENCODED', remedy: /[Pp]ercent-encode/ })
      t.notMatch(error.message, password.length > 2 ? password : 'h.example')
    }
  }
  t.end()
})

t.test('what is no URL is refused with the reason and the remedy, and never shown', (t) => {
  const wrong: [string, string, RegExp][] = [
    ['', 'INVALID_URL', /is empty/],
    ['localhost', 'INVALID_URL', /neither a URL nor host:port/],
    ['user:hunter2@localhost:6379', 'INVALID_URL', /does not begin with redis:/],
    ['localhost:6379/0', 'INVALID_URL', /does not begin with redis:/],
    ['//localhost:6379', 'INVALID_URL', /does not begin/],
    ['redis:/localhost', 'INVALID_URL', /two slashes/],
    ['rediss:localhost:6379', 'INVALID_URL', /two slashes/],
    ['redis-cli --tls -u redis://default:hunter2@h:6379', 'INVALID_URL', /redis-cli command.*Keep only/],
    ['redis://hunter2@h', 'INVALID_URL', /user but no password.*redis:\/\/:password@host/],
    ['redis://h\n:6379', 'INVALID_URL', /line break/],
    ['redis://', 'INVALID_HOST', /has no host/],
    ['redis://:hunter2@:6379', 'INVALID_HOST', /has no host/],
    ['redis://<host>:6379', 'INVALID_HOST', /placeholder/],
    ['redis://::1:6379', 'INVALID_HOST', /brackets/],
    ['redis://[localhost]:6379', 'INVALID_HOST', /no IPv6 address/],
    ['redis://a:1,b:2', 'INVALID_HOST', /several hosts.*REDIS_CLUSTER_NODES/],
    ['redis://h:0', 'INVALID_PORT', /port 0.*1 to 65535/],
    ['redis://h:65536', 'INVALID_PORT', /port 65536/],
    ['redis://h:hunter2', 'INVALID_PORT', /not a number/],
    ['redis://h:', 'INVALID_PORT', /not a number/],
    ['redis://h/abc', 'INVALID_DB', /not a number.*redis:\/\/host:6379\/0/],
    ['redis://h/1/2', 'INVALID_DB', /not a number/],
    ['redis://h?db=99999999999', 'INVALID_DB', /not a number/],
    ['redis://h/1?db=2', 'CONFLICT', /one database.*another/],
    ['rediss://h?tls=false', 'CONFLICT', /Drop one/],
    ['redis://h?famly=6', 'UNKNOWN_PARAMETER', /"famly".*Did you mean "family"/],
    ['redis://h?x=hunter2', 'UNKNOWN_PARAMETER', /Known names: db, family, tls/],
    ['redis://h?password=hunter2', 'UNKNOWN_PARAMETER', /in front of the host/],
    ['redis://h?f%20%20amily=1', 'UNKNOWN_PARAMETER', /a parameter that is not known/],
    ['redis://h?family=5', 'UNKNOWN_PARAMETER', /not 0, 4 or 6/],
    ['redis://h?tls=maybe', 'UNKNOWN_PARAMETER', /neither true nor false/],
    ['amqp://h', 'UNKNOWN_SCHEME', /Known names: redis, rediss/],
    ['reddis://h', 'UNKNOWN_SCHEME', /Did you mean "redis/],
    ['redis+sentinel://h', 'UNKNOWN_SCHEME', /REDIS_SENTINELS/],
    ['unix://run/redis.sock', 'INVALID_URL', /three slashes/],
    ['unix://joe:hunter2@/run/redis.sock', 'INVALID_URL', /three slashes/],
    ['unix:///run/a@b', 'INVALID_URL', /REDIS_PASSWORD/],
  ]
  for (const [url, code, message] of wrong) {
    const error = refused(url)
    t.match(error, { code: `STAY_REDIS_CONFIG_${code}`, message }, url)
    t.match(error.message, /^REDIS_URL /, url)
    t.notMatch(error.message, 'hunter2', url)
  }
  t.end()
})
