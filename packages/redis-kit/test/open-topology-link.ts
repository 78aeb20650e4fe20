import { plainClient, type TeardownHost, type TopologyAccess } from '@stayfast/test-kit'
import { adoptClient, type RedisLink } from '../dist/index.js'

/** A link over a duplicate of a client of the app, as a plugin makes it. */
export function openTopologyLink(t: TeardownHost, access: TopologyAccess): RedisLink {
  const link = adoptClient(plainClient(access), { name: 'default' })
  t.teardown(() => link.close())
  return link
}
