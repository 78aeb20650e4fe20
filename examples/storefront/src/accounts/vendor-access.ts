import type { Sessions } from '@stayfast/session'
import type { TenantInstances } from '@stayfast/tenant-instance-store'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { VendorScope } from '../api/vendor-scope.js'
import { InstanceReferenceInvalidError, OtherVendorError } from '../errors.js'
import { principalOf } from './principal-of.js'

export const ADMIN_ROLE = 'admin'

/**
 * Lets a signed-in user work on an instance of the own vendor, and an admin read every one. Who is not
 * signed in hears nothing of what exists: 401 comes before any 404.
 */
export class VendorAccess implements VendorScope {
  readonly #sessions: Pick<Sessions, 'requireAuth'>
  readonly #instances: Pick<TenantInstances, 'require'>

  constructor(sessions: Pick<Sessions, 'requireAuth'>, instances: Pick<TenantInstances, 'require'>) {
    this.#sessions = sessions
    this.#instances = instances
  }

  readonly requireInstance = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    await this.#sessions.requireAuth(request, reply)
    await this.#instances.require(request, reply)
    const { tenantId, roles } = principalOf(request)
    if (tenantId === this.vendorIdOf(request)) return
    if (roles.includes(ADMIN_ROLE) && isRead(request)) return
    throw new OtherVendorError()
  }

  readonly requireVendor = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (namesInstance(request)) return this.requireInstance(request, reply)
    await this.#sessions.requireAuth(request, reply)
    if (principalOf(request).tenantId !== undefined) return
    throw new InstanceReferenceInvalidError(
      'You belong to no vendor: pass ?instance= to say whose data you want',
    )
  }

  vendorIdOf(request: FastifyRequest): string {
    const vendorId = request.tenantInstance?.vendorId ?? principalOf(request).tenantId
    if (vendorId === undefined) throw new TypeError('a route of a vendor runs without a guard before it')
    return vendorId
  }

  userIdOf(request: FastifyRequest): string {
    return principalOf(request).userId
  }
}

function isRead({ method }: FastifyRequest): boolean {
  return method === 'GET' || method === 'HEAD'
}

function namesInstance({ query }: FastifyRequest): boolean {
  return typeof query === 'object' && query !== null && 'instance' in query
}
