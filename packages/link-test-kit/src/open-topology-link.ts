import { adoptClient, type RedisLink } from '@stayfast/redis-kit'
import { plainClient, type TeardownHost, type TopologyAccess } from '@stayfast/test-kit'

/** A link to any kind of Redis, over a duplicate of the app's client, as a plugin makes it. */
export function openTopologyLink(t: TeardownHost, access: TopologyAccess): RedisLink {
  const link = adoptClient(plainClient(access), { name: 'default' })
  t.teardown(() => link.close())
  return link
}
