import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { instanceIdOf } from './instance-reference.js'

const InPath = Type.Object({ instanceId: Type.String() })
const InQuery = Type.Object({ instance: Type.String() })

/**
 * The instance that a tenant's route is asked about: in the path, or as `?instance=`. Until there are
 * sessions a known id is enough in either place.
 */
export function requestedInstanceId(
  { params, query }: Pick<FastifyRequest, 'params' | 'query'>,
  appSecret: string | undefined,
): string | undefined {
  if (Value.Check(InPath, params)) return params.instanceId.toLowerCase()
  if (Value.Check(InQuery, query)) return instanceIdOf(query.instance, { appSecret, allowBareId: true })
  return undefined
}
