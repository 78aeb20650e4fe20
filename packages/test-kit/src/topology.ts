import { type ClusterRig, startCluster } from './cluster-rig.js'
import { type RedisServer, startRedisServer } from './redis-server.js'
import { type SentinelRig, startSentinel } from './sentinel-rig.js'
import type { TeardownHost } from './teardown.js'

/** How clients find their Redis. */
export type TopologyAccess =
  | { kind: 'single'; url: string; ca: string | undefined }
  | { kind: 'sentinel'; sentinels: readonly Address[]; name: string; ca: string | undefined }
  | { kind: 'cluster'; nodes: readonly Address[]; ca: string | undefined }

interface Address {
  host: string
  port: number
}

/** Anything that suites are to pass on all kinds of Redis, without knowing which one it is. */
export interface Topology {
  access: TopologyAccess
  /** Takes all keys away. */
  empty(): Promise<void>
  /** Nobody answers any more; everything is as it was after `thaw()`, if that comes within some seconds. */
  freeze(): void
  thaw(): void
  stop(): Promise<void>
}

/** Nothing fails over because a test froze it for a moment. */
const patienceMs = 15_000

/** By name, a start for each kind of Redis that is supported. */
export const topologies: Readonly<Record<string, (owner: TeardownHost) => Promise<Topology>>> = Object.freeze(
  {
    'one server': (owner) => onServer(startRedisServer({}, owner)),
    'one database': (owner) => onServer(startRedisServer({ upstashLike: true }, owner)),
    'one server with TLS': (owner) => onServer(startRedisServer({ tls: true }, owner)),
    Sentinel: (owner) => onSentinel(startSentinel({ downAfterMs: patienceMs }, owner)),
    'Sentinel with TLS': (owner) => onSentinel(startSentinel({ downAfterMs: patienceMs, tls: true }, owner)),
    Cluster: (owner) => onCluster(startCluster({ nodeTimeoutMs: patienceMs }, owner)),
    'Cluster with TLS': (owner) => onCluster(startCluster({ nodeTimeoutMs: patienceMs, tls: true }, owner)),
  },
)

async function onServer(starting: Promise<RedisServer>): Promise<Topology> {
  const server = await starting
  return topology(server, [server], { kind: 'single', url: server.url, ca: server.ca })
}

async function onSentinel(starting: Promise<SentinelRig>): Promise<Topology> {
  const rig = await starting
  const [{ ca } = { ca: undefined }] = rig.nodes
  return topology(rig, rig.nodes, { kind: 'sentinel', sentinels: rig.sentinels, name: rig.name, ca })
}

async function onCluster(starting: Promise<ClusterRig>): Promise<Topology> {
  const rig = await starting
  const [{ ca } = { ca: undefined }] = rig.nodes
  return topology(rig, rig.nodes, { kind: 'cluster', nodes: rig.nodes, ca })
}

function topology(
  rig: { stop(): Promise<void> },
  nodes: readonly RedisServer[],
  access: TopologyAccess,
): Topology {
  return {
    access,
    empty: async () => {
      for (const node of nodes) {
        if (/role:master/.test(String(await node.command('info', 'replication'))))
          await node.command('flushall')
      }
    },
    freeze: () => {
      for (const node of nodes) node.freeze()
    },
    thaw: () => {
      for (const node of nodes) node.thaw()
    },
    stop: () => rig.stop(),
  }
}
