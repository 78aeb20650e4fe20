import { BlockList, isIP } from 'node:net'
import type { FastifyRequest } from 'fastify'

/** Decides whether a request is not counted. */
export type Allows = (request: FastifyRequest, key: string) => boolean | Promise<boolean>

/** An address, a network such as `10.0.0.0/8`, or whatever else the keys of a policy are. */
export function isNetwork(entry: string): boolean {
  const [address = '', bits = '', ...rest] = entry.split('/')
  const version = isIP(address)
  return rest.length === 0 && version > 0 && /^\d+$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)
}

/** Allows keys, single addresses (never the network around them), and networks. */
export function allowEntries(entries: readonly string[]): Allows {
  const names = new Set(entries)
  const networks = new BlockList()
  const inNetworks = entries.filter(isNetwork)
  for (const entry of inNetworks) {
    const [address = '', bits] = entry.split('/')
    networks.addSubnet(address, Number(bits), isIP(address) === 6 ? 'ipv6' : 'ipv4')
  }
  return (request, key) => {
    if (names.has(key) || names.has(request.ip)) return true
    if (inNetworks.length === 0) return false
    const version = isIP(request.ip)
    return version > 0 && networks.check(request.ip, version === 6 ? 'ipv6' : 'ipv4')
  }
}
