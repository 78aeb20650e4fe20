import type { FastifyInstance } from 'fastify'

/** Fastify does not tell what it was given otherwise; `test/trust-proxy.test.ts` tells when this has moved. */
const optionsSymbol = 'fastify.options'

function fastifyOptions(app: FastifyInstance): unknown {
  for (
    let each: unknown = app;
    typeof each === 'object' && each !== null;
    each = Object.getPrototypeOf(each)
  ) {
    const symbol = Object.getOwnPropertySymbols(each).find(({ description }) => description === optionsSymbol)
    if (symbol !== undefined) return Reflect.get(each, symbol)
  }
  return undefined
}

/**
 * What to tell of the option trustProxy of Fastify, on which the address of every client depends.
 *
 * @returns Undefined when nothing is wrong with it.
 */
export function trustProxyWarning(app: FastifyInstance): string | undefined {
  const options = fastifyOptions(app)
  if (typeof options !== 'object' || options === null || !('trustProxy' in options)) return undefined
  const remedy = "Name the addresses of your proxies instead, such as trustProxy: '10.0.0.0/8'."
  if (options.trustProxy === true) {
    return `rate-limit: with trustProxy: true a client chooses its own address, and with it its limit, by sending X-Forwarded-For. ${remedy}`
  }
  if (typeof options.trustProxy === 'number') {
    return `rate-limit: with trustProxy: ${options.trustProxy} Fastify trusts no proxy at all, so that all clients behind one share a limit. ${remedy}`
  }
  return undefined
}
