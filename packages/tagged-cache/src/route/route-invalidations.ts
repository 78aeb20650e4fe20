import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { CacheEngine } from '../cache-engine.js'
import { InvalidationUnavailableError } from '../errors.js'
import { rootScope } from '../scope.js'
import { hooksOf } from './hooks-of.js'
import type { RouteInvalidation } from './route-config.js'

/** How {@link RouteInvalidations} work. */
export interface RouteInvalidationsOptions {
  readonly engine: () => CacheEngine
  readonly onOutage: 'buffer' | 'reject'
  readonly retryAfterSeconds: number
}

/** Invalidates what routes change: once their handler succeeded, before anybody can read of it in the reply. */
export class RouteInvalidations {
  readonly #options: RouteInvalidationsOptions
  readonly #done = new WeakSet<FastifyRequest>()

  constructor(options: RouteInvalidationsOptions) {
    this.#options = options
  }

  /** Adds the hooks to a route. */
  attach(route: RouteOptions, config: RouteInvalidation): void {
    const { preHandler, onSend } = route
    if ((config.onOutage ?? this.#options.onOutage) === 'reject') {
      // The last look before the handler: behind those who may turn the request away for other reasons.
      route.preHandler = [
        ...hooksOf(preHandler),
        (_request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void) => {
          this.#refuseInOutage(reply, next)
        },
      ]
    }
    route.onSend = [
      async (request: FastifyRequest, reply: FastifyReply, payload: unknown) => {
        await this.#invalidate(request, reply, config)
        return payload
      },
      ...hooksOf(onSend),
    ]
  }

  #refuseInOutage(reply: FastifyReply, next: (error?: Error) => void): void {
    const { shared } = this.#options.engine()
    if (shared === undefined || shared.up) {
      next()
      return
    }
    reply.header('retry-after', String(this.#options.retryAfterSeconds))
    next(new InvalidationUnavailableError())
  }

  async #invalidate(request: FastifyRequest, reply: FastifyReply, config: RouteInvalidation): Promise<void> {
    // onSend runs again when a later hook fails.
    if (reply.statusCode >= 400 || this.#done.has(request)) return
    this.#done.add(request)
    const tags = typeof config.tags === 'function' ? config.tags(request, reply) : config.tags
    const scope = config.tenant === undefined ? rootScope : rootScope.tenant(config.tenant(request))
    await this.#options.engine().writes.invalidateTags(scope, tags)
  }
}
