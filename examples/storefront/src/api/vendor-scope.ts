import type { FastifyRequest, onRequestAsyncHookHandler } from 'fastify'

/** How a tenant's route knows whose data it is asked for. */
export interface VendorScope {
  /** Finds the instance that the request names, or refuses the request. */
  requireInstance: onRequestAsyncHookHandler
  /** The same, but where no instance is named the user's own vendor is meant. */
  requireVendor: onRequestAsyncHookHandler
  /** Whose data it is. */
  vendorIdOf(request: FastifyRequest): string
  /** The signed-in user. */
  userIdOf(request: FastifyRequest): string
}
