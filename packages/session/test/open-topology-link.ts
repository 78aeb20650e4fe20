import { adoptClient, type RedisClient, type RedisLink } from '@stayfast/redis-kit'
import type { TopologyAccess } from '@stayfast/test-kit'
import { Cluster, Redis } from 'ioredis'

interface Teardown {
  teardown(fn: () => Promise<void>): void
}

/** A client as an app has one that thought of nothing but how to reach its Redis. */
function plainClient(access: TopologyAccess): RedisClient {
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

/** A link over a duplicate of such a client, as a plugin makes it. */
export function openTopologyLink(t: Teardown, access: TopologyAccess): RedisLink {
  const link = adoptClient(plainClient(access), { name: 'default' })
  t.teardown(() => link.close())
  return link
}
