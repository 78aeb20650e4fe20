import fastifyRateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { allowEntries } from './allow-list.js'
import { clientAddress } from './client-address.js'
import { createComposedStore } from './composed-store.js'
import { RateLimitValueError } from './errors.js'
import type { Limiter } from './limiter.js'
import type { CheckedOptions } from './options.js'
import { checkLimiterOptions, type LimiterOptions } from './policy-options.js'
import { keyText, type Policy } from './policy.js'
import { windowMs } from './time-window.js'

type CreateRateLimit = FastifyInstance['createRateLimit']

/** Its options in the words of \@fastify/rate-limit, which takes what it does not understand for a default. */
function inItsWords(
  { max, timeWindow, allowList, skipOnError, onOutage }: LimiterOptions,
  keysAreAddresses: boolean,
) {
  return {
    ...(max === undefined ? {} : { max: typeof max === 'number' ? max : asyncOf(max) }),
    ...(timeWindow === undefined
      ? {}
      : {
          timeWindow:
            typeof timeWindow !== 'function'
              ? timeWindow
              : async (request: FastifyRequest, key: string) => {
                  const ms = windowMs(await timeWindow(request, key))
                  if (ms === undefined) throw new RateLimitValueError('its timeWindow came out as none')
                  return ms
                },
        }),
    ...(allowList === undefined
      ? {}
      : {
          allowList: typeof allowList === 'function' ? allowList : allowEntries(allowList, keysAreAddresses),
        }),
    // Who says onOutage means that, whatever the app says for all.
    ...(skipOnError === undefined && onOutage === undefined ? {} : { skipOnError: skipOnError === true }),
  }
}

function asyncOf<Value>(
  ask: (request: FastifyRequest, key: string) => Value | Promise<Value>,
): (request: FastifyRequest, key: string) => Promise<Value> {
  return async (request, key) => ask(request, key)
}

/** The key of each request, once it is known: \@fastify/rate-limit knows no request that has none. */
class Keys {
  readonly #options: LimiterOptions
  readonly #known = new WeakMap<FastifyRequest, string>()

  constructor(options: LimiterOptions) {
    this.#options = options
  }

  readonly keyGenerator = (request: FastifyRequest): string => this.#known.get(request) ?? ''

  /** @returns Undefined when the limit does not concern the request. */
  async find(request: FastifyRequest): Promise<string | undefined> {
    const { keyGenerator, ipv6Subnet = 64 } = this.#options
    const key = keyText(
      keyGenerator === undefined ? clientAddress(request, ipv6Subnet) : await keyGenerator(request),
    )
    if (key !== undefined) this.#known.set(request, key)
    return key
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
  const { algorithm, burst, ban, keyGenerator, ipv6Subnet } = options
  const root = { name: policy.name, algorithm, burst, onOutage: policy.onOutage }
  const rootKeys = new Keys(options)
  await app.register(async (child) => {
    await child.register(fastifyRateLimit, {
      ...inItsWords(options, keyGenerator === undefined),
      global: false,
      ban,
      skipOnError: policy.onOutage === 'open',
      store: createComposedStore({ limiter, root }),
      keyGenerator: rootKeys.keyGenerator,
    })
    const createRateLimit: CreateRateLimit = (given) => {
      const own = given === undefined ? undefined : checkLimiterOptions(given)
      const keys =
        own === undefined
          ? rootKeys
          : new Keys({ ...(keyGenerator === undefined ? {} : { keyGenerator }), ipv6Subnet, ...own })
      const addresses = (own?.keyGenerator ?? keyGenerator) === undefined
      const limit = child.createRateLimit(
        own && Object.assign({}, own, inItsWords(own, addresses), { keyGenerator: keys.keyGenerator }),
      )
      return async (request, callOptions) => {
        const key = await keys.find(request)
        return key === undefined ? { isAllowed: true, key: '' } : limit(request, callOptions)
      }
    }
    app.decorate('createRateLimit', createRateLimit)
  })
}
