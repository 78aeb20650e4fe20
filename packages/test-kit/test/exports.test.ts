import t from 'tap'
import * as testKit from '../dist/index.js'

t.test('the package exports what others build on, and no more', (t) => {
  t.strictSame(Object.keys(testKit).sort(), [
    'ClusterRig',
    'FaultProxy',
    'ManagedProcess',
    'PackageReadme',
    'RedisServer',
    'SentinelRig',
    'commandsUpstashRefuses',
    'eventually',
    'findRedisServer',
    'freePort',
    'longRuns',
    'plainClient',
    'provideChromium',
    'reaches',
    'startCluster',
    'startFaultProxy',
    'startProcess',
    'startRedisServer',
    'startSentinel',
    'startStopwatch',
    'subcommandsUpstashRefuses',
    'topologies',
    'unaligned',
  ])
  t.end()
})
