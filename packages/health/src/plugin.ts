import { bootWait, resolveLink, type RedisLink, type ResolvedLink } from '@stayfast/redis-kit'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { HealthChecks } from './health-checks.js'
import { HealthMonitor } from './health-monitor.js'
import { ReportingPlugins } from './reporting-plugins.js'
import { measure } from './metrics/measurement.js'
import { metricsText } from './metrics/metrics-text.js'
import { checkOptions, type CheckedOptions, type HealthOptions } from './options.js'
import { residentsOf } from './residents.js'
import { addHealthRoutes } from './routes/health-routes.js'
import { ConnectionDrain } from './shutdown/connection-drain.js'
import { GracefulShutdown } from './shutdown/graceful-shutdown.js'
import { handleSignals } from './shutdown/signal-handlers.js'

declare module 'fastify' {
  interface FastifyInstance {
    healthChecks: HealthChecks
  }
}

/** A connection that is being made is waited for so long, so that the first probe finds it. */
const bootWaitMs = 500

function register(app: FastifyInstance, given: HealthOptions): void {
  const options = checkOptions(given, process.env)
  const monitor = new HealthMonitor(options, app.log)
  let resolved: readonly ResolvedLink[] = []
  let unhandleSignals: () => void = () => undefined
  const drain = new ConnectionDrain({
    server: app.server,
    onCut: (requests) => {
      app.log.warn(`health: ${requests} requests were cut off after ${options.requestsWithinMs} ms`)
    },
  })
  const shutdown = new GracefulShutdown({
    options,
    drain,
    log: app.log,
    notReady: () => {
      monitor.drain()
    },
    close: () => app.close(),
  })

  const checks: HealthChecks = {
    get phase() {
      return monitor.phase
    },
    add: (check) => monitor.checks.add(check),
    snapshot: () => monitor.snapshot,
    refresh: async () => {
      await monitor.refresh()
      return monitor.snapshot
    },
    metrics: () => metricsText(measure(monitor)),
    shutdown: (how) => shutdown.run(how?.drainDelayMs),
  }
  app.decorate<HealthChecks>(options.decorateAs, checks)
  addHealthRoutes(app, monitor, options, () => checks.metrics())

  // Not before: what is registered after this plugin counts as well.
  app.addHook('onReady', async () => {
    resolved = resolveLinks(app, options)
    await Promise.all(
      resolved.flatMap(({ link, owned }) =>
        owned ? [bootWait(link, bootWaitMs, ({ status }) => status !== 'connecting')] : [],
      ),
    )
    const reporting = new ReportingPlugins(app)
    await monitor.start({
      links: resolved.map(({ link }) => link),
      reports: () => reporting.reports(),
      holds: residentsOf(app),
    })
    tellStart(app, resolved)
    warmUp(app, monitor, options)
    if (options.signals !== false) {
      unhandleSignals = handleSignals({
        signals: options.signals,
        options,
        log: app.log,
        shutdown: (drainDelayMs) => shutdown.run(drainDelayMs),
      })
    }
  })
  app.addHook('preClose', (done) => {
    shutdown.closing()
    done()
  })
  app.addHook('onClose', async () => {
    unhandleSignals()
    drain.stop()
    monitor.stop()
    await Promise.all(resolved.flatMap(({ link, owned }) => (owned ? [link.close()] : [])))
  })
}

/** Only `app.redisConnection` knows roles; any other Redis is one link. */
function resolveLinks(
  app: FastifyInstance,
  { redis, share, roles }: CheckedOptions,
): readonly ResolvedLink[] {
  const [first = 'default', ...others] = roles
  const resolved = resolveLink(app, redis, { role: first, share })
  if (resolved?.source !== 'redis-connection') return resolved === undefined ? [] : [resolved]
  return [resolved, ...others.flatMap((role) => resolveLink(app, redis, { role }) ?? [])]
}

function tellStart(app: FastifyInstance, resolved: readonly ResolvedLink[]): void {
  const named = resolved.map(({ link }: { link: RedisLink }) => `${link.name}: ${link.traits.provider}`)
  app.log.info(
    named.length === 0 ? 'health: no redis to watch' : `health: watches redis (${named.join(', ')})`,
  )
}

function warmUp(app: FastifyInstance, monitor: HealthMonitor, { readyAfter }: CheckedOptions): void {
  if (readyAfter === undefined) {
    monitor.warmedUp()
    return
  }
  void (async () => {
    try {
      await readyAfter()
      monitor.warmedUp()
    } catch (error) {
      app.log.error({ err: error }, 'health: readyAfter failed, so that this process will not be ready')
    }
  })()
}

/**
 * Health, liveness and readiness of an app that lives on Redis, told from what was measured in the
 * background, so that probes cost Redis nothing. Decorates the app with {@link HealthChecks}.
 *
 * @throws STAY_HEALTH_OPTION_INVALID
 */
export const health: FastifyPluginAsync<HealthOptions> = fp(
  (app: FastifyInstance, options: HealthOptions) =>
    // What is thrown inside rejects, as the loader of plugins expects it.
    new Promise<void>((resolve) => {
      register(app, options)
      resolve()
    }),
  { name: '@stayfast/health', fastify: '5.x' },
)
