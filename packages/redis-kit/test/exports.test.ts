import t from 'tap'
import * as kit from '../dist/index.js'

t.test('the package exports what its README names, and nothing else', async (t) => {
  t.strictSame(Object.keys(kit).sort(), [
    'ClientLink',
    'Keyspace',
    'OffLink',
    'OutageReporter',
    'RedisClock',
    'RedisMisuseError',
    'RedisRefusedError',
    'RedisUnavailableError',
    'SharedLink',
    'adoptClient',
    'defineScript',
    'isRedisRefused',
    'isRedisUnavailable',
    'reconnectDelay',
    'resolveLink',
  ])
})
