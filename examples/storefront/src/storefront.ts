import helmet from '@fastify/helmet'
import type { FastifyInstance, FastifyPluginAsync, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { adminRoutes } from './admin/admin-routes.js'
import { authRoutes } from './accounts/auth-routes.js'
import { csrf } from './accounts/csrf.js'
import { Users } from './accounts/users.js'
import { analyticsRoutes } from './api/analytics-routes.js'
import { cartRoutes } from './api/cart-routes.js'
import { inventoryRoutes } from './api/inventory-routes.js'
import { ordersRoutes } from './api/orders-routes.js'
import { productsRoutes } from './api/products-routes.js'
import type { VendorScope } from './api/vendor-scope.js'
import { Analytics } from './catalogue/analytics.js'
import { Carts } from './catalogue/carts.js'
import { Checkout } from './catalogue/checkout.js'
import type { Database } from './catalogue/database.js'
import { Orders } from './catalogue/orders.js'
import { Products } from './catalogue/products.js'
import { ShopFigures } from './catalogue/shop-figures.js'
import { Vendors } from './catalogue/vendors.js'
import { dashboardRoutes } from './dashboard/dashboard-routes.js'
import { liveDashboard } from './dashboard/live-dashboard.js'
import type { RequestWatch } from './dashboard/request-watch.js'
import type { ReferenceRules } from './instances/instance-reference.js'
import { instancesRoutes } from './instances/instances-routes.js'
import type { InstanceStore } from './instances/open-instance.js'
import { describeApi } from './openapi.js'
import type { HealthChecks } from '@stayfast/health'
import type { RedisConnection } from '@stayfast/redis-connection'
import type { Sessions } from '@stayfast/session'
import type { TaggedCache } from '@stayfast/tagged-cache'
import type { TenantInstances } from '@stayfast/tenant-instance-store'
import { statusRoutes } from './status/status-routes.js'
import { shopWebhooks, type WebhookRules } from './webhooks/webhooks.js'

/** What the storefront's routes stand on. */
export interface StorefrontParts {
  database: Database
  instances: InstanceStore & Pick<TenantInstances, 'get' | 'list' | 'delete'>
  redis: Pick<RedisConnection, 'status' | 'provider' | 'facts' | 'link'>
  sessions: Sessions
  cache: Pick<TaggedCache, 'stats' | 'getOrSet' | 'invalidateTags'>
  health: Pick<HealthChecks, 'snapshot'>
  requests: RequestWatch
  scope: VendorScope
  references: ReferenceRules
  /** Requests that an address may send in a window; 0 turns limits off. */
  requestLimit: number
  webhooks: WebhookRules
}

/** Puts the storefront's routes on an app; who opened the parts closes them. */
export const storefront: FastifyPluginAsync<StorefrontParts> = fp(register, {
  name: 'storefront',
  fastify: '5.x',
})

async function register(app: FastifyInstance, parts: StorefrontParts): Promise<void> {
  const { database, instances, redis, sessions, cache, health, requests, scope, references } = parts
  const products = new Products(database)

  await app.register(helmet, {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'self'"],
      },
    },
    // TLS ends before this process, which cannot know whether the address is reached by https only.
    strictTransportSecurity: false,
  })
  await app.register(csrf, { sessions })
  await app.register(describeApi)

  await app.register(async (open) => {
    open.addHook('onRoute', isTheSameForEverybody)
    await open.register(statusRoutes, { redis })
    await open.register(dashboardRoutes, { instances, references, vendors: new Vendors(database), cache })
  })
  await app.register(liveDashboard, { redis, health, cache, requests, sessions })
  await app.register(authRoutes, {
    prefix: '/auth',
    users: new Users(database),
    sessions,
    requestLimit: parts.requestLimit,
    onSessionsChanged: (userId) => {
      app.liveStreams.sessionsChanged(userId)
    },
  })
  await app.register(adminRoutes, {
    prefix: '/api/admin',
    sessions,
    cache,
    figures: new ShopFigures(database),
  })
  await app.register(shopWebhooks, { ...parts.webhooks, database, instances, sessions, cache })
  await app.register(instancesRoutes, { instances, references, sessions, cache })
  await app.register(productsRoutes, { prefix: '/api/:instanceId/products', scope, products })
  await app.register(ordersRoutes, { prefix: '/api/:instanceId/orders', scope, orders: new Orders(database) })
  await app.register(inventoryRoutes, { prefix: '/api/:instanceId/inventory', scope, products })
  await app.register(cartRoutes, {
    prefix: '/api/:instanceId',
    scope,
    carts: new Carts(database),
    checkout: new Checkout(database),
  })
  await app.register(analyticsRoutes, {
    prefix: '/api/vendor/analytics',
    scope,
    analytics: new Analytics(database),
  })
}

/** Who is signed in makes no difference: the session is not looked up, so that it cannot hold the answer up. */
function isTheSameForEverybody(route: RouteOptions): void {
  route.config = { ...route.config, session: false }
}
