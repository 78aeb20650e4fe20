import type { ClusterRig } from '@stayfast/test-kit'
import { Cluster } from 'ioredis'
import { ClientLink, duplicateSafely, type ClientLinkOptions, type RedisClient } from '../dist/index.js'

interface Teardown {
  teardown(fn: () => Promise<void>): void
}

/** A Cluster client as an app has one that thought of nothing but how to reach the nodes. */
function plainCluster(rig: ClusterRig): Cluster {
  const ca = rig.nodes[0]?.ca
  return new Cluster(
    rig.nodes.map(({ host, port }) => ({ host, port })),
    {
      lazyConnect: true,
      dnsLookup: (address, done) => {
        done(null, address)
      },
      redisOptions: ca === undefined ? {} : { tls: { ca } },
    },
  )
}

/** Opens a link to a Cluster the way its owners do: with the settings that let deadlines hold. */
export function openClusterLink(
  t: Teardown,
  rig: ClusterRig,
  options: Partial<ClientLinkOptions> = {},
): ClientLink {
  const cluster = plainCluster(rig)
  const open = (): RedisClient => duplicateSafely(cluster)
  const link = new ClientLink({
    name: 'default',
    client: open(),
    owned: true,
    openSubscriber: open,
    traits: { cluster: true },
    ...options,
  })
  t.teardown(() => link.close())
  return link
}
