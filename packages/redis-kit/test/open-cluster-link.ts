import { startCluster, type ClusterRig, type RedisServer } from '@stayfast/test-kit'
import { Cluster } from 'ioredis'
import { ClientLink, duplicateSafely, type ClientLinkOptions } from '../dist/index.js'

interface Teardown {
  teardown(fn: () => Promise<void>): void
}

/** A Cluster client as an app has one that thought of nothing but how to reach the nodes. */
export function plainCluster(rig: ClusterRig): Cluster {
  const [first] = rig.nodes
  const { password } = new URL(first?.url ?? '')
  const login = password === '' ? {} : { password }
  const tls = first?.ca === undefined ? {} : { tls: { ca: first.ca } }
  return new Cluster(
    rig.nodes.map(({ host, port }) => ({ host, port })),
    {
      lazyConnect: true,
      dnsLookup: (address, done) => {
        done(null, address)
      },
      redisOptions: { ...login, ...tls },
    },
  )
}

/** Opens a link to a Cluster the way its owners do: with the settings that let deadlines hold. */
export function openClusterLink(
  t: Teardown,
  rig: ClusterRig,
  options: Partial<ClientLinkOptions> = {},
): ClientLink {
  const link = new ClientLink({
    name: 'default',
    client: duplicateSafely(plainCluster(rig)),
    owned: true,
    traits: { cluster: true },
    ...options,
  })
  t.teardown(() => link.close())
  return link
}

/** Keys that live on each primary of now, so many for each. */
export async function keysOfPrimaries(
  rig: ClusterRig,
  count: number,
): Promise<{ primary: RedisServer; keys: string[] }[]> {
  const primaries = await rig.primaries()
  const shards = primaries.map((primary) => ({ primary, keys: [] as string[] }))
  const [first] = primaries
  const ranges: unknown = await first?.command('cluster', 'slots')
  for (let index = 0; shards.some(({ keys }) => keys.length < count); index++) {
    const key = `key:${index}`
    const slot = Number(await first?.command('cluster', 'keyslot', key))
    const port = portOf(ranges, slot)
    const shard = shards.find(({ primary }) => primary.port === port)
    if (shard !== undefined && shard.keys.length < count) shard.keys.push(key)
  }
  return shards
}

/** Replies of CLUSTER SLOTS: first slot, last slot, primary, replicas… */
function portOf(ranges: unknown, slot: number): number | undefined {
  const range = list(ranges).find((range) => slot >= Number(list(range)[0]) && slot <= Number(list(range)[1]))
  return range === undefined ? undefined : Number(list(list(range)[2])[1])
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

/** By default a Cluster refuses every key between the failure of a primary and its replacement. */
export async function startTolerantCluster(t: Teardown): Promise<ClusterRig> {
  const rig = await startCluster({}, t)
  for (const node of rig.nodes) {
    await node.command('config', 'set', 'cluster-require-full-coverage', 'no')
  }
  return rig
}

/** The first of several that are known to be there. */
export function first<T>(items: readonly T[]): T {
  const [item] = items
  if (item === undefined) throw new RangeError('There is none.')
  return item
}
