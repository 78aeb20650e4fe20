import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { resolveConnectionConfig } from '../dist/configuration/connection-config.js'
import { diagnose } from '../dist/diagnosis/diagnosis.js'
import { isRedisConfigError } from '../dist/errors.js'
import type { Environment, RedisConnectionOptions } from '../dist/options.js'

// Long enough not to be in a message by chance, and not to be taken for a host name, which may be shown.
const secret = fc
  .tuple(fc.string({ unit: 'grapheme-ascii', maxLength: 8 }), fc.integer({ min: 1e9, max: 9e9 }))
  .map(([text, number]) => `!zq${number}${text}`)

/** Everything that a log could show of a configuration, or of the error instead of it. */
function visible(options: RedisConnectionOptions, env: Environment): string {
  try {
    const config = resolveConnectionConfig(options, env)
    return inspect(config, { depth: Infinity, showHidden: true, getters: false }) + JSON.stringify(config)
  } catch (error) {
    if (!isRedisConfigError(error)) throw error
    return inspect(error, { depth: Infinity, showHidden: true }) + JSON.stringify(error) + String(error)
  }
}

function assertHidden(password: string, options: RedisConnectionOptions, env: Environment): void {
  const marker = password.slice(0, 12)
  const shown = visible(options, env)
  assert.ok(!shown.includes(marker) && !shown.includes(encodeURIComponent(marker)), shown)
}

t.test('no password, user or key shows in a configuration or an error, however it was given', (t) => {
  fc.assert(
    fc.property(secret, (password) => {
      const encoded = encodeURIComponent(password)
      const environments: Environment[] = [
        { REDIS_URL: `rediss://${encoded}:${encoded}@h.example:6380/1` },
        { REDIS_URL: `redis://:${encoded}@h.example`, REDIS_QUEUE_URL: `redis://:${encoded}@q.example/4` },
        { REDIS_HOST: 'h.example', REDIS_USERNAME: password, REDIS_PASSWORD: password },
        { REDIS_CLUSTER_NODES: `redis://:${encoded}@a,redis://:${encoded}@b` },
        { REDIS_SENTINELS: `redis://:${encoded}@a`, REDIS_SENTINEL_NAME: 'shop', REDIS_PASSWORD: password },
        { KV_URL: `rediss://:${encoded}@h`, UPSTASH_REDIS_REST_URL: `https://${encoded}@h` },
      ]
      for (const env of environments) assertHidden(password, {}, env)
      const options: RedisConnectionOptions[] = [
        { url: `redis://${encoded}:${encoded}@h.example` },
        { host: 'h.example', username: password, password, tls: { key: password, cert: password } },
        { sentinel: { nodes: ['a'], name: 'shop', password }, password },
        { url: 'redis://h.example', roles: { cache: { url: `redis://:${encoded}@c.example` } } },
      ]
      for (const option of options) assertHidden(password, option, {})
    }),
    { numRuns: 50 },
  )
  t.end()
})

t.test('no password shows when it stands where something else belongs, or was never encoded', (t) => {
  fc.assert(
    fc.property(secret, fc.constantFrom('', 'joe', 'joe:'), (password, user) => {
      const environments: Environment[] = [
        { REDIS_URL: password },
        { REDIS_URL: `redis://${password}` },
        { REDIS_URL: `redis://${user}${password}@h.example:6379/0` },
        { REDIS_URL: `redis://${user}:${password}@h.example:6379/0` },
        { REDIS_URL: `rediss://:${password}#/?@${password}@h.example` },
        { REDIS_URL: `https://:${password}@h.example` },
        { REDIS_URL: `redis-cli -u redis://:${password}@h.example` },
        { REDIS_URL: `redis://h.example?password=${password}` },
        { REDIS_URL: `redis://h.example/${password}` },
        { REDIS_URL: `redis://h.example:${password}` },
        { REDIS_HOST: `redis://:${password}@h.example` },
        { REDIS_HOST: 'h.example', REDIS_PORT: `${password} ` },
        { REDIS_HOST: 'h.example', REDIS_TLS_CA: password },
        { REDIS_CLUSTER_NODES: `redis://:${password}@a,b` },
        { REDIS_URL: 'redis://h.example', REDIS_KEY_PREFIX: `{${password}` },
      ]
      for (const env of environments) assertHidden(password, {}, env)
    }),
    { numRuns: 200 },
  )
  t.end()
})

t.test('no part of an error text shows in its diagnosis', (t) => {
  fc.assert(
    fc.property(
      secret,
      fc.constantFrom('NOPERM User', 'ERR', 'connect ECONNREFUSED', 'WRONGPASS', ''),
      (password, start) => {
        const error = Object.assign(new Error(`${start} ${password}`), {
          command: { name: 'auth', args: [password] },
        })
        const wrapped = new AggregateError([new Error('outer', { cause: error })], '')
        for (const thrown of [error, wrapped, password]) {
          const diagnosis = diagnose(thrown, { tls: false, providerId: 'unknown', neverConnected: true })
          assert.ok(!JSON.stringify(diagnosis).includes(password.slice(0, 12)))
        }
      },
    ),
  )
  t.end()
})
