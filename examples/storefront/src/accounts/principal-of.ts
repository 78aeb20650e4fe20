import type { Principal } from '@stayfast/session'
import type { FastifyRequest } from 'fastify'

/** Who is signed in, on a route that lets nobody else in. */
export function principalOf({ principal }: FastifyRequest): Principal {
  if (principal === null)
    throw new TypeError('a route for signed-in users runs without requireAuth before it')
  return principal
}
