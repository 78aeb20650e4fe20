import fastifyRateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { clientAddress } from './client-address.js'
import { createComposedStore } from './composed-store.js'
import { RateLimitValueError } from './errors.js'
import type { Limiter } from './limiter.js'
import type { CheckedOptions } from './options.js'
import type { Policy } from './policy.js'
import { windowMs } from './time-window.js'

/** The options of \@fastify/rate-limit that matter to `createRateLimit`. */
function settingsOf(options: CheckedOptions, limiter: () => Limiter, policy: Policy) {
  const { max, timeWindow, ipv6Subnet, ban, allowList, skipOnError, algorithm, burst } = options
  const keyOf = options.keyGenerator ?? ((request: FastifyRequest) => clientAddress(request, ipv6Subnet))
  const root = { name: policy.name, algorithm, burst, onOutage: policy.onOutage }
  return {
    global: false,
    max: typeof max === 'number' ? max : async (request: FastifyRequest, key: string) => max(request, key),
    timeWindow:
      typeof timeWindow !== 'function'
        ? timeWindow
        : async (request: FastifyRequest, key: string) => {
            const ms = windowMs(await timeWindow(request, key))
            if (ms === undefined) throw new RateLimitValueError('its timeWindow came out as none')
            return ms
          },
    ban,
    skipOnError: skipOnError === true,
    ...(allowList === undefined
      ? {}
      : { allowList: typeof allowList === 'function' ? allowList : [...allowList] }),
    store: createComposedStore({ limiter, root }),
    keyGenerator: async (request: FastifyRequest) => String(await keyOf(request)),
  }
}

/**
 * Gives the app `createRateLimit` of \@fastify/rate-limit, over the counters of this plugin. It lives in a
 * context of its own: its route hooks see no route of the app, which would be counted twice.
 */
export async function composeFastifyRateLimit(
  app: FastifyInstance,
  options: CheckedOptions,
  policy: Policy,
  limiter: () => Limiter,
): Promise<void> {
  await app.register(async (child) => {
    await child.register(fastifyRateLimit, settingsOf(options, limiter, policy))
    app.decorate('createRateLimit', child.createRateLimit.bind(child))
  })
}
