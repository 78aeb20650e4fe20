import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Database } from './catalogue/database.js'
import { openCatalogue } from './catalogue/open-catalogue.js'
import type { CatalogueSource, StorefrontConfig } from './config.js'

/** What machines ask all the time, and what a page needs to say that something is wrong. */
const UNLIMITED = [
  '/',
  '/dashboard',
  '/dashboard/*',
  '/api/v1/health',
  '/livez',
  '/readyz',
  '/metrics',
  '/webhooks/*',
]

/**
 * The whole app, ready to listen. Close it with `app.close()`, which closes what it has opened.
 *
 * @param database a catalogue that the caller has opened, and closes; the configured one without it.
 */
export async function buildApp(config: StorefrontConfig, database?: Database): Promise<FastifyInstance> {
  // The embedded Postgres takes longest, half of it in other threads: the app itself is loaded meanwhile.
  const catalogue = database === undefined ? startCatalogue(config.catalogue) : given(database)
  const [
    { redisConnection },
    { tenantInstanceStore },
    { health },
    { rateLimit },
    { taggedCache },
    { session },
    { setDemoUsers },
    { VendorAccess },
    { fastifyApp },
    { createLogger },
    { requestedInstanceId },
    { requestWatch },
    { storefront },
  ] = await Promise.all([
    import('@stayfast/redis-connection'),
    import('@stayfast/tenant-instance-store'),
    import('@stayfast/health'),
    import('@stayfast/rate-limit'),
    import('@stayfast/tagged-cache'),
    import('@stayfast/session'),
    import('./accounts/demo-users.js'),
    import('./accounts/vendor-access.js'),
    import('./fastify-app.js'),
    import('./logger.js'),
    import('./instances/requested-instance-id.js'),
    import('./dashboard/request-watch.js'),
    import('./storefront.js'),
  ])

  const app = fastifyApp(config.proxies, await createLogger(config.logLevel))
  for (const warning of config.warnings) app.log.warn(warning)
  catalogue.belongsTo(app)

  try {
    await app.register(requestWatch)
    await app.register(redisConnection, { env: config.environment })
    await app.register(tenantInstanceStore, {
      instanceIdFrom: (request) => requestedInstanceId(request, config.appSecret),
    })
    await app.register(health, {
      detailsFor: isAdmin,
      metricsRoute: '/metrics',
      metricsFor: (request) => isAdmin(request) || isThisMachine(request),
    })
    // Before the session: an address that asks too much costs no look at who it is.
    await app.register(rateLimit, {
      enabled: config.limit.max > 0,
      max: Math.max(1, config.limit.max),
      timeWindow: config.limit.windowSeconds * 1000,
      exclude: UNLIMITED,
      headers: 'both',
    })
    await app.register(taggedCache)
    await app.register(session, { secret: config.sessionSecrets })
    const opened = await catalogue.opening
    await setDemoUsers(opened, config.demoPassword?.value)
    await app.register(storefront, {
      database: opened,
      redis: app.redisConnection,
      instances: app.tenantInstances,
      sessions: app.sessions,
      cache: app.taggedCache,
      health: app.healthChecks,
      requests: app.requestWatch,
      scope: new VendorAccess(app.sessions, app.tenantInstances),
      references: {
        appSecret: config.appSecret,
        allowBareId: !config.production,
      },
      requestLimit: config.limit.max,
      webhooks: {
        secrets: config.webhookSecrets,
        demo: !config.production,
        environment: config.environment,
      },
    })
    return app
  } catch (error) {
    await app.close()
    throw error
  }
}

interface Catalogue {
  opening: Promise<Database>
  /** Closes it with the app, even when something else stops the start, and logs what breaks in the app's log. */
  belongsTo: (app: FastifyInstance) => void
}

/** One that the caller closes. */
function given(database: Database): Catalogue {
  return { opening: Promise.resolve(database), belongsTo: () => undefined }
}

/** Begins to open the configured catalogue, before there is an app. */
function startCatalogue(source: CatalogueSource): Catalogue {
  let owner: FastifyInstance | undefined
  const opening = openCatalogue(source, (error) => {
    owner?.log.warn({ err: error }, 'a connection to Postgres broke; the next request opens another')
  })
  // It may fail before anybody waits for it.
  opening.catch(() => undefined)
  return {
    opening,
    belongsTo: (app) => {
      owner = app
      app.addHook('onClose', async () => {
        const opened = await opening.catch(() => undefined)
        await opened?.close()
      })
    },
  }
}

function isAdmin({ principal }: FastifyRequest): boolean {
  return principal?.roles.includes('admin') === true
}

/** Where a collector of metrics runs beside the app. */
function isThisMachine({ ip }: FastifyRequest): boolean {
  return ip === '127.0.0.1' || ip === '::1' || ip === '::ffff:127.0.0.1'
}
