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
    'bootWait',
    'busPublishLua',
    'checkOptions',
    'defineScript',
    'didYouMean',
    'duplicateSafely',
    'isRedisRefused',
    'isRedisUnavailable',
    'nearestName',
    'optionRule',
    'reconnectDelay',
    'redactError',
    'resolveLink',
    'stampUs',
    'tellStart',
  ])
})
