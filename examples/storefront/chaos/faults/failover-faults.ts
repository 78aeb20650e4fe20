import { type ClusterRig, type SentinelRig, startCluster, startSentinel } from '@stayfast/test-kit'
import { type Fault, type RedisEnvironment, type Stage, type Topology } from './fault.js'

type Moves = Pick<Stage, 'strike' | 'heal'>

interface Kind<Rig> {
  topology: Topology
  start: () => Promise<Rig>
  environment: (rig: Rig) => RedisEnvironment
}

const sentinel: Kind<SentinelRig> = {
  topology: 'sentinel',
  start: () => startSentinel(),
  environment: ({ sentinels, name }) => ({
    REDIS_SENTINELS: addresses(sentinels),
    REDIS_SENTINEL_NAME: name,
  }),
}

const cluster: Kind<ClusterRig> = {
  topology: 'cluster',
  start: () => startCluster(),
  environment: ({ nodes }) => ({ REDIS_CLUSTER_NODES: addresses(nodes) }),
}

/** A primary goes and another takes its place; what had not reached the replica is lost. */
export const failoverFaults: readonly Fault[] = [
  onRig(sentinel, 'failed-over', 'failed over, in order', (rig) => ({
    strike: () => rig.failover(),
    heal: () => rig.settle(),
  })),
  onRig(sentinel, 'primary-killed', 'primary killed, a replica appointed', (rig) => ({
    strike: () => rig.kill(),
    heal: () => rig.settle(),
  })),
  onRig(sentinel, 'primary-frozen', 'primary frozen, a replica appointed, the old one thawed', (rig) => {
    let thaw = (): void => undefined
    return {
      strike: async () => {
        const primary = await rig.primary()
        primary.freeze()
        thaw = () => primary.thaw()
      },
      heal: async () => {
        thaw()
        await rig.settle()
      },
    }
  }),
  onRig(cluster, 'failed-over', 'one shard failed over, in order', (rig) => ({
    strike: async () => {
      await rig.failover()
    },
    heal: () => rig.settle(),
  })),
  onRig(cluster, 'primary-killed', 'the primary of one shard killed, its replica takes over', (rig) => ({
    strike: async () => {
      const [primary] = await rig.primaries()
      if (primary) await rig.kill(primary)
    },
    heal: () => rig.settle(),
  })),
  onRig(cluster, 'primary-frozen', 'the primary of one shard frozen, later thawed', (rig) => {
    let thaw = (): void => undefined
    return {
      strike: async () => {
        const [primary] = await rig.primaries()
        primary?.freeze()
        thaw = () => primary?.thaw()
      },
      heal: async () => {
        thaw()
        await rig.settle()
      },
    }
  }),
]

function onRig<Rig extends { stop(): Promise<void> }>(
  { topology, start, environment }: Kind<Rig>,
  name: string,
  title: string,
  movesOf: (rig: Rig) => Moves,
): Fault {
  return {
    name,
    topology,
    title,
    keepsData: false,
    mendsItself: true,
    strikes: 'both',
    repeated: false,
    short: false,
    open: async () => {
      const rig = await start()
      const variables = environment(rig)
      return { ...movesOf(rig), environments: [variables, variables], close: () => rig.stop() }
    },
  }
}

function addresses(servers: readonly { host: string; port: number }[]): string {
  return servers.map(({ host, port }) => `${host}:${port}`).join(',')
}
