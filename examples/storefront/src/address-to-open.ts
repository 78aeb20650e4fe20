import type { AddressInfo } from 'node:net'
import { DEMO_INSTANCE } from './instances/demo-instance.js'

// Nobody can open the addresses that stand for all of them.
const REACHABLE: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }

/** The address to open in a browser of this machine; in production an instance needs its signed token. */
export function addressToOpen(
  addresses: readonly (AddressInfo | string)[],
  { production }: { production: boolean },
): string {
  const first = addresses.find((address) => typeof address !== 'string')
  if (first === undefined) throw new RangeError('a server that listens on a port has an address')
  const host = REACHABLE[first.address] ?? first.address
  const origin = `http://${host.includes(':') ? `[${host}]` : host}:${first.port}`
  return production ? `${origin}/` : `${origin}/dashboard?instance=${DEMO_INSTANCE}`
}
