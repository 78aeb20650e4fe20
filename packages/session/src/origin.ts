import type { FastifyRequest } from 'fastify'
import { ForeignOriginError } from './errors.js'

/**
 * Refuses what a page of another origin sends: nobody is signed in to an account that is not theirs by
 * a page that they merely visit. Programs send no Origin, and are let through.
 *
 * @throws STAY_SESSION_ORIGIN_FOREIGN
 */
export function checkOrigin(request: FastifyRequest, trustedOrigins: readonly string[]): void {
  const { origin } = request.headers
  if (origin === undefined || trustedOrigins.includes(origin)) return
  // "null" is what browsers send of a page in a sandbox.
  const page = parsed(origin)
  const own = parsed(`${request.protocol}://${request.host}`)
  // Where a proxy speaks https and the app does not know of it, the page is safer than the request seems to be.
  const lessSafe = own?.protocol === 'https:' && page?.protocol !== 'https:'
  if (page === undefined || page.host !== own?.host || lessSafe) throw new ForeignOriginError()
}

/** Its host is without a port that is the scheme's own, as browsers write it. */
function parsed(url: string): URL | undefined {
  try {
    return new URL(url)
  } catch {
    return undefined
  }
}
