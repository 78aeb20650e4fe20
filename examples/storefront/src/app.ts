import { redisConnection } from '@stayfast/redis-connection'
import { tenantInstanceStore } from '@stayfast/tenant-instance-store'
import { type FastifyInstance, type FastifyRequest } from 'fastify'
import { type Database } from './catalogue/database.js'
import { openCatalogue } from './catalogue/open-catalogue.js'
import { type CatalogueSource, type StorefrontConfig } from './config.js'
import { fastifyApp } from './fastify-app.js'
import { requestedInstanceId } from './instances/requested-instance-id.js'
import { createLogger } from './logger.js'
import { storefront } from './storefront.js'

/**
 * The whole app, ready to listen. Close it with `app.close()`, which closes what it has opened.
 *
 * @param database a catalogue that the caller has opened, and closes; the configured one without it.
 */
export async function buildApp(config: StorefrontConfig, database?: Database): Promise<FastifyInstance> {
  const app = fastifyApp(await createLogger(config.logLevel))
  for (const warning of config.warnings) app.log.warn(warning)

  // The catalogue takes a second to open: Redis is looked for meanwhile.
  const opening = database === undefined ? openOwn(app, config.catalogue) : Promise.resolve(database)

  try {
    await app.register(redisConnection, { env: config.environment })
    await app.register(tenantInstanceStore, {
      instanceIdFrom: (request) => requestedInstanceId(request, config.appSecret),
    })
    await app.register(storefront, {
      database: await opening,
      redis: app.redisConnection,
      instances: app.tenantInstances,
      scope: {
        requireInstance: app.tenantInstances.require,
        vendorIdOf,
      },
      references: {
        appSecret: config.appSecret,
        allowBareId: !config.production,
      },
    })
    return app
  } catch (error) {
    await app.close()
    throw error
  }
}

/** Opens the configured catalogue, to be closed with the app, even when something else stops the start. */
function openOwn(app: FastifyInstance, source: CatalogueSource): Promise<Database> {
  const opening = openCatalogue(source, (error) => {
    app.log.warn({ err: error }, 'a connection to Postgres broke; the next request opens another')
  })
  app.addHook('onClose', async () => {
    const opened = await opening.catch(() => undefined)
    await opened?.close()
  })
  return opening
}

function vendorIdOf({ tenantInstance }: FastifyRequest): string {
  if (tenantInstance === null)
    throw new TypeError('a route of a tenant runs without requireInstance before it')
  return tenantInstance.vendorId
}
