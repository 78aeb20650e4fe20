import t from 'tap'
import * as kit from '../dist/index.js'

t.test('the package exports what its README names, and nothing else', async (t) => {
  t.strictSame(Object.keys(kit).sort(), [
    'Bus',
    'ClientLink',
    'Keyspace',
    'LocalCopies',
    'OffLink',
    'OutageReporter',
    'Outbox',
    'OutboxFullError',
    'RedisClock',
    'RedisMisuseError',
    'RedisRefusedError',
    'RedisUnavailableError',
    'SharedLink',
    'StampSource',
    'adoptClient',
    'busPublishLua',
    'defineScript',
    'duplicateSafely',
    'isRedisRefused',
    'isRedisUnavailable',
    'reconnectDelay',
    'redactError',
    'resolveLink',
    'stampUs',
  ])
})
