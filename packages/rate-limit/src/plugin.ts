import { performance } from 'node:perf_hooks'
// Its types give the app createRateLimit and rateLimit.
import '@fastify/rate-limit'
import { bootWait, offerHealthReport, resolveLink, tellStart, type ResolvedLink } from '@stayfast/redis-kit'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Algorithm } from './algorithms/limit.js'
import { appliedLimits, publicLimit, type Applied, type AppliedLimit } from './applied-limit.js'
import { unixSocket } from './client-address.js'
import { composeFastifyRateLimit } from './compose-fastify-rate-limit.js'
import { DeniedKeys } from './denied-keys.js'
import { RateLimitNotReadyError, RateLimitOptionError } from './errors.js'
import { ExcludedPaths } from './excluded-paths.js'
import { addInstanceHooks, addRouteHooks, type RunAtHook } from './limit-hooks.js'
import { createHeaderWriter } from './limit-headers.js'
import { Limiter } from './limiter.js'
import { MemoryCounters } from './memory-counters.js'
import { checkOptions, type CheckedOptions, type RateLimitOptions } from './options.js'
import type { PolicyOptions } from './policy-options.js'
import { Refusals } from './refusal.js'
import { RequestCheck, type CheckCounts } from './request-check.js'
import { limitHooks, RoutePlans } from './route-plan.js'
import { processNowUs, SharedCounters } from './shared-counters.js'
import { MemoryLimitStore } from './stores/memory-limit-store.js'
import { trustProxyWarning } from './trust-proxy.js'
import { notCounted, type Counters, type OnOutage } from './verdict.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** The limits that this request was counted by, so far; null on routes without one. */
    readonly rateLimit: readonly AppliedLimit[] | null
    [appliedLimits]: readonly Applied[] | null
  }
}

// Routes say in config.rateLimit what @fastify/rate-limit knows, and this.
declare module '@fastify/rate-limit' {
  interface CreateRateLimitOptions {
    readonly name?: string
    readonly algorithm?: Algorithm
    readonly burst?: number
    readonly onOutage?: OnOutage
  }
  interface RateLimitOptions {
    readonly cost?: number | ((request: FastifyRequest) => number | Promise<number>)
    readonly policies?: readonly PolicyOptions[]
  }
}

/** A connection that is being made is waited for so long, so that the first requests find it. */
const bootWaitMs = 500
const billedInstancesEverySeconds = 60
const instancesEverySeconds = 10

/** Where limits are turned off. */
const nobody: Counters = {
  decide: (_ask, settle) => {
    settle(undefined, notCounted)
  },
}

const whileAway: Readonly<Record<OnOutage, (instances: number) => string>> = {
  local: (instances) => `this process gives out 1/${instances} of each limit, at least one request`,
  open: () => 'nothing is limited',
  closed: () => 'requests with a limit are answered with 503',
}

function openCounters(app: FastifyInstance, options: CheckedOptions, resolved: ResolvedLink): SharedCounters {
  const { link } = resolved
  const everySeconds =
    options.instancesEverySeconds ??
    (link.traits.billedByCommand ? billedInstancesEverySeconds : instancesEverySeconds)
  let toldMisuse = false
  let awaySinceMs = 0
  const counters = new SharedCounters({
    link,
    keyPrefix: options.nameSpace,
    maxCounters: options.cache,
    returnAfterMs: options.returnAfterSeconds * 1000,
    instancesEveryMs: everySeconds * 1000,
    assumedInstances: options.assumedInstances,
    retryAfterSeconds: options.retryAfterSeconds,
    onMisuse: (err) => {
      if (toldMisuse) return
      toldMisuse = true
      app.log.error({ err }, 'rate-limit: a counter cannot be used; this process counts by itself there.')
    },
    onAway: (cause) => {
      awaySinceMs = performance.now()
      app.log.warn(
        { err: cause },
        `rate-limit: Redis does not count. Until it is back, ${whileAway[options.onOutage](counters.instances.count)}.`,
      )
    },
    onReturn: () => {
      const seconds = Math.round((performance.now() - awaySinceMs) / 1000)
      app.log.info(`rate-limit: Redis counts again after ${seconds} s.`)
    },
  })
  return counters
}

function refuseSecondRegistration(app: FastifyInstance): void {
  if (!app.hasDecorator('createRateLimit') && !app.hasDecorator('rateLimit')) return
  throw new RateLimitOptionError(
    'This app has a rate limit already: registered twice, each request would be counted twice. Give the first one further limits with the option policies, and leave out @fastify/rate-limit.',
  )
}

function tellWarnings(app: FastifyInstance): void {
  const proxy = trustProxyWarning(app)
  if (proxy !== undefined) app.log.warn(proxy)
  if (app.hasRequestDecorator('session')) {
    app.log.warn(
      'rate-limit: sessions were registered before it, so that each request loads its session before it is counted. Register rate-limit first.',
    )
  }
}

async function register(app: FastifyInstance, given: RateLimitOptions): Promise<void> {
  const options = checkOptions(given)
  refuseSecondRegistration(app)
  const denied = new DeniedKeys(options.cache)
  const plans = new RoutePlans(options)
  const excluded = new ExcludedPaths(options.exclude)
  let limiter: Limiter | undefined
  let shared: SharedCounters | undefined
  let resolved: ResolvedLink | undefined
  const ready = (): Limiter => {
    if (limiter === undefined) throw new RateLimitNotReadyError()
    return limiter
  }
  const counts: CheckCounts = { admitted: 0, denied: 0, local: 0 }
  const asking = {
    limiter: ready,
    writeHeaders: createHeaderWriter(options),
    refusals: new Refusals(options.problemJson),
    counts,
  }
  const check = new RequestCheck(asking)
  const run: RunAtHook = (policies, request, reply, done) => {
    if (excluded.any && excluded.has(request.raw.url ?? '')) done()
    else check.run(policies, request, reply, done)
  }
  // Who places a hook may want to catch its refusals.
  const placed = new RequestCheck({ ...asking, throws: true })

  tellWarnings(app)
  app.decorateRequest(appliedLimits, null)
  app.decorateRequest(options.decorateRequestAs, {
    getter(this: FastifyRequest) {
      return this[appliedLimits]?.map(publicLimit) ?? null
    },
  })
  await composeFastifyRateLimit(app, options, plans.defaultPolicy, ready)
  let hooksMade = 0
  const limitHook = (own?: PolicyOptions): ReturnType<FastifyInstance['rateLimit']> => {
    hooksMade += 1
    const policy = own === undefined ? plans.defaultPolicy : plans.policyOf(own, `hook-${hooksMade}`)
    return (request: FastifyRequest, reply: FastifyReply) =>
      new Promise<void>((resolve, reject) => {
        const counted = request[appliedLimits]?.some((applied) => applied.policy === policy) === true
        if (counted || !options.enabled) resolve()
        else {
          placed.run([policy], request, reply, (...thrown: readonly unknown[]) => {
            if (thrown.length === 0) resolve()
            else Reflect.apply(reject, undefined, thrown)
          })
        }
      })
  }
  app.decorate('rateLimit', limitHook)
  offerHealthReport(limitHook, () => ({
    plugin: 'rate-limit',
    link: resolved?.link,
    counts: {
      admitted_total: counts.admitted,
      denied_total: counts.denied,
      local_decisions_total: counts.local,
    },
  }))

  const atInstance = limitHooks.filter((hook) => hook === 'onRequest' || plans.appHooks.includes(hook))
  if (options.enabled) addInstanceHooks(app, atInstance, plans, run)
  app.addHook('onRoute', (route) => {
    const hooks = plans.check(route).filter((hook) => !atInstance.includes(hook))
    if (options.enabled) addRouteHooks(route, hooks, plans, run)
  })

  // Not before: what is registered after this plugin counts as well.
  app.addHook('onReady', async () => {
    if (!options.enabled) {
      limiter = new Limiter(nobody, denied)
      const line = 'rate-limit: off, because RATE_LIMIT_MAX is 0 or the option enabled is false'
      if (process.env['NODE_ENV'] === 'production') app.log.warn(line)
      else app.log.info(line)
      return
    }
    resolved = resolveLink(app, options.redis, { role: 'default', share: options.share })
    shared = resolved === undefined ? undefined : openCounters(app, options, resolved)
    limiter = new Limiter(
      shared ?? new MemoryCounters(new MemoryLimitStore(options.cache, processNowUs)),
      denied,
    )
    // Whoever owns it: a request before it is up would have this process count by itself for a while.
    if (resolved !== undefined) {
      await bootWait(resolved.link, bootWaitMs, ({ status }) => status !== 'connecting')
    }
    shared?.instances.start()
    tellStart(app.log, 'rate-limit', resolved)
  })
  app.addHook('onListen', (done) => {
    if (options.keyGenerator === undefined && typeof app.server.address() === 'string') {
      app.log.warn(
        `rate-limit: clients that come through a unix socket have no address, and are counted together as "${unixSocket}" unless trustProxy gives them one.`,
      )
    }
    done()
  })
  app.addHook('onClose', async () => {
    await shared?.close()
    if (resolved?.owned === true) await resolved.link.close()
  })
}

/**
 * One rate limit for the whole fleet: counted in Redis where there is one, in memory where there is none.
 * Register it before sessions and routes.
 */
export const rateLimit: FastifyPluginAsync<RateLimitOptions> = fp(register, {
  name: '@stayfast/rate-limit',
  fastify: '5.x',
})
