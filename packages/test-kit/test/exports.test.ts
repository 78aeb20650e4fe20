import t from 'tap'
import * as testKit from '../dist/index.js'

t.test('the package exports what others build on, and no more', (t) => {
  t.strictSame(Object.keys(testKit).sort(), [
    'FaultProxy',
    'ManagedProcess',
    'RedisServer',
    'commandsUpstashRefuses',
    'eventually',
    'findRedisServer',
    'freePort',
    'startFaultProxy',
    'startProcess',
    'startRedisServer',
    'subcommandsUpstashRefuses',
  ])
  t.end()
})
