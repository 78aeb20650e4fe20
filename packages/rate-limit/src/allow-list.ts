import { BlockList, isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { normalizeAddress } from './client-address.js'

/** Decides whether a request is not counted. */
export type Allows = (request: FastifyRequest, key: string) => boolean | Promise<boolean>

/** An address, a network such as `10.0.0.0/8`, or whatever else the keys of a policy are. */
export function isNetwork(entry: string): boolean {
  const [address = '', bits = '', ...rest] = entry.split('/')
  const version = isIP(address)
  return rest.length === 0 && version > 0 && /^\d+$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)
}

/** An address in the one form that it has here: IPv6 has several, and one of IPv4 may come in the guise of IPv6. */
function canonical(address: string): string {
  return isIP(address) === 0 ? address : normalizeAddress(address, 128)
}

/**
 * Allows keys, single addresses (never the network around them), and networks.
 *
 * @param keysAreAddresses - The keys are those of clients: that of an IPv6 network is written like its first address.
 */
export function allowEntries(entries: readonly string[], keysAreAddresses: boolean): Allows {
  const names = new Set(keysAreAddresses ? entries.filter((entry) => isIP(entry) === 0) : entries)
  const addresses = new Set(entries.filter((entry) => isIP(entry) > 0).map(canonical))
  const networks = new BlockList()
  const inNetworks = entries.filter(isNetwork)
  for (const entry of inNetworks) {
    const [address = '', bits] = entry.split('/')
    networks.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
  return (request, key) => {
    if (names.has(key)) return true
    if (addresses.size === 0 && inNetworks.length === 0) return false
    const version = isIP(request.ip)
    if (version === 0) return false
    return addresses.has(canonical(request.ip)) || networks.check(request.ip, version === 6 ? 'ipv6' : 'ipv4')
  }
}
