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
  if (hostOf(origin) !== hostOf(`${request.protocol}://${request.host}`)) throw new ForeignOriginError()
}

/** Without a port that is the scheme's own, as browsers write it. */
function hostOf(url: string): string | undefined {
  try {
    return new URL(url).host
  } catch {
    return undefined
  }
}
