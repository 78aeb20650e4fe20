import createError from '@fastify/error'
import { type FastifyInstance, type FastifyRequest } from 'fastify'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { type Database } from '../dist/catalogue/database.js'
import { readConfig } from '../dist/config.js'
import { fastifyApp } from '../dist/fastify-app.js'
import { requestedInstanceId } from '../dist/instances/requested-instance-id.js'
import { storefront } from '../dist/storefront.js'

const NotFound = createError('STAY_INSTANCE_NOT_FOUND', 'Instance not found', 404)
const Unknown = createError('STAY_INSTANCE_UNKNOWN', 'Redis is away', 503)

type Instance = { id: string; vendorId: string; openedAt: string }

export class StandIn {
  readonly known = new Map<string, Instance>()
  away = false

  async update(
    id: string,
    change: { openedAt: string },
  ): Promise<{ durability: string; instance: Instance }> {
    await Promise.resolve()
    if (this.away) throw new Unknown()
    const instance = this.known.get(id)
    if (instance === undefined) throw new NotFound()
    Object.assign(instance, change)
    return { durability: 'buffered', instance }
  }

  async save(instance: Instance): Promise<{ durability: string }> {
    await Promise.resolve()
    if (this.away) throw new Unknown()
    this.known.set(instance.id, instance)
    return { durability: 'buffered' }
  }

  get(id: string | undefined): Instance {
    const instance = id === undefined ? undefined : this.known.get(id)
    if (instance !== undefined) return instance
    throw this.away ? new Unknown() : new NotFound()
  }
}

export async function openStorefront(
  environment: NodeJS.ProcessEnv = {},
  given?: Database,
): Promise<{ app: FastifyInstance; instances: StandIn }> {
  const config = readConfig({ LOG_LEVEL: 'silent', ...environment })
  const app = fastifyApp()
  const database = given ?? (await openCatalogue(config.catalogue, () => undefined))
  app.addHook('onClose', async () => {
    if (given === undefined) await database.close()
  })
  const instances = new StandIn()
  const vendors = new WeakMap<FastifyRequest, string>()
  await app.register(storefront, {
    database,
    instances,
    redis: {
      status: 'off',
      check: () => Promise.resolve({ status: 'disabled' as const, connected: false, latencyMs: null }),
    },
    scope: {
      requireInstance: async (request) => {
        await Promise.resolve()
        vendors.set(request, instances.get(requestedInstanceId(request, config.appSecret)).vendorId)
      },
      vendorIdOf: (request) => vendors.get(request) ?? '',
    },
    references: { appSecret: config.appSecret, allowBareId: !config.production },
  })
  await app.ready()
  return { app, instances }
}
