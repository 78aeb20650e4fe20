import type { FastifyReply, FastifyRequest } from 'fastify'
import { InstanceNotFoundError } from './errors.js'
import { checkInstanceId } from './instance-id.js'
import type { CheckedOptions } from './options.js'
import type { TenantInstances } from './tenant-instances.js'

/** A preHandler that lets in who has installed the app; see `TenantInstances.require`. */
export type RequireInstance = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

/** Makes the preHandler of `app.tenantInstances.require`. */
export function createRequire(
  instances: Pick<TenantInstances, 'get'>,
  options: CheckedOptions,
): RequireInstance {
  const { instanceIdFrom, isInstanceId, decorateRequestAs, retryAfterSeconds } = options
  return async function requireInstance(request, reply) {
    const id = checkInstanceId(await instanceIdFrom(request), isInstanceId)
    let instance
    try {
      instance = await instances.get(id)
    } catch (error) {
      // The error carries the header too, but an error handler of the app's own may not look there.
      if (isAway(error)) reply.header('retry-after', String(retryAfterSeconds))
      throw error
    }
    if (instance === undefined) throw new InstanceNotFoundError()
    request.setDecorator(decorateRequestAs, instance)
  }
}

function isAway(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'STAY_INSTANCE_UNKNOWN'
}
