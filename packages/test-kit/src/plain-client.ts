import { Cluster, Redis } from 'ioredis'
import type { TopologyAccess } from './topology.js'

/** A client as an app has one that thought of nothing but how to reach its Redis. It connects when told to. */
export function plainClient(access: TopologyAccess): Redis | Cluster {
  const tls = access.ca === undefined ? {} : { tls: { ca: access.ca } }
  switch (access.kind) {
    case 'single':
      return new Redis(access.url, { lazyConnect: true, ...tls })
    case 'sentinel':
      return new Redis({
        sentinels: access.sentinels.map(({ host, port }) => ({ host, port })),
        name: access.name,
        lazyConnect: true,
        ...tls,
        ...(access.ca === undefined
          ? {}
          : { enableTLSForSentinelMode: true, sentinelTLS: { ca: access.ca } }),
      })
    case 'cluster':
      return new Cluster(
        access.nodes.map(({ host, port }) => ({ host, port })),
        {
          lazyConnect: true,
          // Certificates are made out to names.
          dnsLookup: (address, done) => {
            done(null, address)
          },
          redisOptions: tls,
        },
      )
  }
}
