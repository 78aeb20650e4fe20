import type { FastifyRequest } from 'fastify'
import { ForeignOriginError } from '../errors.js'

/**
 * Refuses what a page of another origin sends, on a route that asks for no CSRF token. Programs send no
 * Origin, and are let through. Throws `SHOP_ORIGIN_FOREIGN`.
 */
export function requireOwnOrigin(request: FastifyRequest, _reply: unknown, done: () => void): void {
  const { origin } = request.headers
  const own = `${request.protocol}://${request.host}`
  if (origin !== undefined && (!URL.canParse(origin) || new URL(origin).host !== new URL(own).host)) {
    throw new ForeignOriginError()
  }
  done()
}
