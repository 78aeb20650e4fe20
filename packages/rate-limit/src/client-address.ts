import { normalizeIP } from '@fastify/rate-limit'
import type { FastifyRequest } from 'fastify'
import { LRUCache } from 'lru-cache'

/** What stands for the address of clients that come through a unix socket: they have none. */
export const unixSocket = 'unix-socket'

/** Parsing an IPv6 address costs more than the rest of a decision. */
const normalized = new LRUCache<string, string>({ max: 5000 })

/**
 * The address of a client as it is counted: a mapped IPv4 address is that address, an IPv6 address the
 * network that its provider has given to one customer.
 *
 * @param ipv6Subnet - Length of that network's prefix.
 */
export function normalizeAddress(address: string, ipv6Subnet: number): string {
  if (!address.includes(':')) return address.toLowerCase()
  const name = `${ipv6Subnet} ${address}`
  let key = normalized.get(name)
  if (key === undefined) {
    key = normalizeIP(address.replace(/%.*$/, ''), ipv6Subnet)
    normalized.set(name, key)
  }
  return key
}

/** The address that Fastify tells, normalised. It is missing on unix sockets, whatever the types say. */
export function clientAddress(request: FastifyRequest, ipv6Subnet: number): string {
  const address: unknown = request.ip
  return typeof address === 'string' && address !== '' ? normalizeAddress(address, ipv6Subnet) : unixSocket
}
