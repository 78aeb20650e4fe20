import { type FastifyRequest, type preHandlerAsyncHookHandler } from 'fastify'

/** How a tenant's route knows whose data it is asked for. */
export interface VendorScope {
  /** Finds the instance that the request names, or refuses the request. */
  requireInstance: preHandlerAsyncHookHandler
  /** The vendor of that instance. */
  vendorIdOf(request: FastifyRequest): string
  /** The signed-in user. */
  userIdOf(request: FastifyRequest): string
}
