import fastifyCaching from '@fastify/caching'
import { bootWait, offerHealthReport, resolveLink, tellStart, type ResolvedLink } from '@stayfast/redis-kit'
import type { FastifyInstance, FastifyPluginAsync, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { CacheEngine } from './cache-engine.js'
import type { CacheEvent } from './cache-events.js'
import { CacheNotReadyError, CacheOptionError } from './errors.js'
import { checkOptions, type CheckedOptions, type TaggedCacheOptions } from './options.js'
import { RouteCache } from './route/route-cache.js'
import {
  checkRouteCache,
  checkRouteInvalidation,
  type RouteCacheConfig,
  type RouteInvalidates,
} from './route/route-config.js'
import { RouteInvalidations } from './route/route-invalidations.js'
import { rootScope } from './scope.js'
import { ScopedCache } from './scoped-cache.js'
import type { TaggedCache } from './tagged-cache.js'

declare module 'fastify' {
  interface FastifyInstance {
    taggedCache: TaggedCache
  }
  interface FastifyContextConfig {
    /** Cache the replies of this GET route. */
    cache?: RouteCacheConfig
    /** What this route changes. */
    invalidates?: RouteInvalidates
  }
}

/** A connection that is being made is waited for so long, so that the first requests find it. */
const bootWaitMs = 500

/** Apps whose routes a cache heeds already. */
const heeded = new WeakSet<object>()

async function register(app: FastifyInstance, given: TaggedCacheOptions): Promise<void> {
  const options = checkOptions(given)
  let engine: CacheEngine | undefined
  let resolved: ResolvedLink | undefined
  const ready = (): CacheEngine => {
    if (engine === undefined) throw new CacheNotReadyError(options.decorateAs)
    return engine
  }
  const cache = new ScopedCache(ready, rootScope)
  app.decorate<TaggedCache>(options.decorateAs, cache)
  offerHealthReport(cache, () => ({
    plugin: 'tagged-cache',
    link: resolved?.link,
    holds: 'cache',
    counts: engine === undefined ? {} : countsOf(engine),
  }))
  if (options.routes ?? !heeded.has(app.server)) {
    heeded.add(app.server)
    heedRoutes(app, ready, options)
  }
  if (options.cacheControl !== undefined && !app.hasPlugin('@fastify/caching')) {
    await app.register(fastifyCaching, { ...options.cacheControl, cache: noRegistry })
  }

  // Not before: what is registered after this plugin counts as well.
  app.addHook('onReady', async () => {
    resolved = resolveLink(app, options.redis, { role: 'cache', share: options.share })
    engine = new CacheEngine({
      ...options,
      link: resolved?.link,
      leaseMs: options.leaseSeconds === undefined ? undefined : options.leaseSeconds * 1000,
      logger: {
        info: (message) => {
          app.log.info(message)
        },
        error: (details, message) => {
          app.log.error(details, message)
        },
      },
    })
    if (app.log.level === 'debug' || app.log.level === 'trace') {
      engine.events.observer = (event) => {
        app.log.debug({ cache: told(event) }, `tagged-cache: ${event.kind}`)
      }
    }
    if (resolved?.owned === true) {
      await bootWait(resolved.link, bootWaitMs, ({ status }) => status !== 'connecting')
    }
    tellStart(app.log, 'tagged-cache', resolved)
  })
  app.addHook('onClose', async () => {
    const lost = (await engine?.close(options.flushSeconds * 1000)) ?? 0
    if (lost > 0) {
      app.log.error(
        `tagged-cache: ${lost} invalidations are lost, because Redis did not return before the app ended. Other processes may answer what they cover until its time is over.`,
      )
    }
    if (resolved?.owned === true) await resolved.link.close()
  })
}

function countsOf({ counters, sizes }: CacheEngine): Record<string, number> {
  return {
    hits_total: counters.localHits + counters.redisHits,
    misses_total: counters.misses,
    stale_total: counters.staleServed,
    entries: sizes.keys,
    entries_bytes: sizes.bytes,
    pending_invalidations: sizes.buffered,
  }
}

function heedRoutes(app: FastifyInstance, engine: () => CacheEngine, options: CheckedOptions): void {
  const cache = new RouteCache(engine, options)
  const invalidations = new RouteInvalidations({ engine, ...options })
  const cached = new WeakSet<object>()
  app.addHook('onRoute', (route) => {
    const { config } = route
    if (config === undefined) return
    const where = `${String(route.method)} ${route.url}`
    if (config.cache !== undefined) {
      const checked = checkRouteCache(config.cache, where)
      checkMethod(route, config.cache, cached, where)
      cache.attach(route, checked)
    }
    if (config.invalidates !== undefined) {
      invalidations.attach(route, checkRouteInvalidation(config.invalidates, where))
    }
  })
  // Before @fastify/caching and others add their default: what the handler says itself is what counts.
  app.addHook('onSend', (request, reply, payload, next) => {
    cache.noteCacheControl(request, reply)
    next(null, payload)
  })
}

/** Only GET is cached; its automatic HEAD comes right behind it with the same config. */
function checkMethod(route: RouteOptions, config: object, cached: WeakSet<object>, where: string): void {
  if (route.method === 'GET') cached.add(config)
  else if (route.method !== 'HEAD' || !cached.has(config)) {
    throw new CacheOptionError(`config.cache of ${where}: only GET routes are cached.`)
  }
}

/** Keys may be looked at, values and the errors of loaders may not. */
function told(event: CacheEvent): object {
  if (!('error' in event)) return event
  const { error, ...rest } = event
  return { ...rest, error: error instanceof Error ? error.name : typeof error }
}

/**
 * The registry of ETags of \@fastify/caching goes by the ETag alone: one of `/a` would answer 304 on
 * `/b`. This one knows none.
 */
const noRegistry = {
  get(_key: unknown, done?: (error: unknown, result: null) => void): Promise<null> {
    done?.(null, null)
    return Promise.resolve(null)
  },
  set(
    _key: unknown,
    _value: unknown,
    _lifetime: number,
    done?: (error: unknown, result: unknown) => void,
  ): void {
    done?.(null, undefined)
  },
}

/**
 * A two-level cache with tags: memory, and Redis where there is one. Decorates the app with
 * {@link TaggedCache}, caches routes by `config.cache`, and invalidates by `config.invalidates`.
 */
export const taggedCache: FastifyPluginAsync<TaggedCacheOptions> = fp(register, {
  name: '@stayfast/tagged-cache',
  fastify: '5.x',
})
