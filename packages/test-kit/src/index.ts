export { ClusterRig, type ClusterOptions, startCluster } from './cluster-rig.js'
export { eventually, type EventuallyOptions } from './eventually.js'
export {
  type DropRepliesOptions,
  FaultProxy,
  type FaultProxyOptions,
  startFaultProxy,
} from './fault-proxy.js'
export { findRedisServer, type RedisServerBinary } from './find-redis-server.js'
export { freePort } from './free-port.js'
export { type ChildExit, type LineMatch, type OutputLine } from './guarded-child.js'
export { longRuns } from './long-runs.js'
export { ManagedProcess, type ProcessOptions, startProcess } from './managed-process.js'
export { PackageReadme, type Proofs, unaligned } from './package-readme.js'
export { plainClient } from './plain-client.js'
export { type Chromium, provideChromium } from './provide-chromium.js'
export { reaches, type WatchedStatus } from './reaches.js'
export { RedisServer, type RestartOptions, startRedisServer } from './redis-server.js'
export { type RedisServerOptions } from './redis-server-options.js'
export { SentinelRig, type SentinelOptions, startSentinel } from './sentinel-rig.js'
export { startStopwatch } from './stopwatch.js'
export { type TeardownHost } from './teardown.js'
export { type Topology, type TopologyAccess, topologies } from './topology.js'
export { commandsUpstashRefuses, subcommandsUpstashRefuses } from './upstash-commands.js'
