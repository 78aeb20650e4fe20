import type { Sessions } from '@stayfast/session'
import type { TaggedCache } from '@stayfast/tagged-cache'
import type { TenantInstances } from '@stayfast/tenant-instance-store'
import { webhooks } from '@stayfast/webhooks'
import type { FastifyInstance, FastifyPluginAsync, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from 'typebox'
import { errorResponses } from '../api/error-response.js'
import { WebhookEvents } from '../catalogue/webhook-events.js'
import type { Database } from '../catalogue/database.js'
import { appUninstalled } from './app-uninstalled.js'
import { EventTenants } from './event-tenants.js'
import { orderCreated } from './order-created.js'
import { webhookProviders } from './webhook-providers.js'
import type { WebhookSecrets } from './webhook-secrets.js'
import { webhooksAdminRoutes } from './webhooks-admin-routes.js'

/** Who sends webhooks, and how they are taken. */
export interface WebhookRules {
  secrets: WebhookSecrets
  /** Shops that nobody has installed stand for the first vendor of the demo. */
  demo: boolean
  /** Where the queue looks for its `QUEUE_*` variables. */
  environment: NodeJS.ProcessEnv
}

export interface WebhookParts extends WebhookRules {
  database: Database
  instances: Pick<TenantInstances, 'get' | 'list' | 'delete'>
  sessions: Pick<Sessions, 'requireRole'>
  cache: Pick<TaggedCache, 'getOrSet' | 'invalidateTags'>
}

const PATH = '/webhooks/:provider'
const Taken = Type.Object({ status: Type.Union([Type.Literal('accepted'), Type.Literal('duplicate')]) })

/** `/webhooks/:provider`: what shops tell of themselves, and what is done about it. */
export const shopWebhooks: FastifyPluginAsync<WebhookParts> = fp(register, {
  name: 'storefront-webhooks',
  fastify: '5.x',
})

async function register(app: FastifyInstance, parts: WebhookParts): Promise<void> {
  const { secrets, environment, database, instances, sessions, cache } = parts
  const providers = webhookProviders(secrets)
  app.addHook('onRoute', describeAndOpen)
  await app.register(webhooks, {
    providers,
    env: environment,
    // Where nobody may send, no worker has to ask for work.
    processing: Object.values(providers).some((provider) => provider !== undefined),
  })

  const events = new WebhookEvents(database)
  const tenants = new EventTenants(parts)
  for (const provider of Object.keys(providers)) {
    app.webhooks.on(provider, 'orders/create', orderCreated({ events, tenants, cache }))
    app.webhooks.on(provider, 'app/uninstalled', appUninstalled({ events, tenants, instances, cache }))
    app.webhooks.on(provider, '*', (event) => events.note(event, 'nothing is done about this topic'))
  }
  await app.register(webhooksAdminRoutes, {
    prefix: '/api/admin/webhooks',
    sessions,
    webhooks: app.webhooks,
    events,
  })
}

/** A sender proves itself by its signature: no session is looked up, and no token asked for. */
function describeAndOpen(route: RouteOptions): void {
  if (route.url !== PATH) return
  route.config = { ...route.config, session: false, csrf: false }
  route.schema = {
    tags: ['webhooks'],
    summary: 'Take a signed webhook: 202 for a new one, 200 for one that was taken before',
    params: Type.Object({ provider: Type.String({ description: 'shopify, generic or wix' }) }),
    response: { 200: Taken, 202: Taken, ...errorResponses },
  }
}
