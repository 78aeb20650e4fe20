import type { FastifyRequest } from 'fastify'

function field(source: unknown, name: string): unknown {
  // Own fields only: a request that names `constructor` must not be given a function.
  if (typeof source !== 'object' || source === null || !Object.hasOwn(source, name)) return undefined
  return Reflect.get(source, name)
}

/**
 * Where a request says which instance it is for, unless the app says otherwise: the route's
 * `:instanceId`, else the header `x-instance-id`, else `?instanceId=`.
 */
export function instanceIdFromRequest(request: FastifyRequest): unknown {
  return (
    field(request.params, 'instanceId') ??
    request.headers['x-instance-id'] ??
    field(request.query, 'instanceId')
  )
}
