import redisConnection from '@stayfast/redis-connection'
import taggedCache from '@stayfast/tagged-cache'
import tenantInstanceStore, { type TenantInstance } from '@stayfast/tenant-instance-store'
import Fastify from 'fastify'

interface OfInstance {
  Params: { instanceId: string }
}

const app = Fastify({ logger: true })
// They know nothing of each other: both find the connection on the app, and the routes bring them together.
await app.register(redisConnection)
await app.register(tenantInstanceStore)
await app.register(taggedCache)

const orders = new Map<string, number>()

app.post<{ Body: TenantInstance }>('/installed', ({ body }) => app.tenantInstances.save(body))

app.get<OfInstance>(
  '/api/:instanceId/report',
  { preHandler: app.tenantInstances.require },
  ({ params: { instanceId } }) =>
    // Inside a tenant no key and no tag meets that of another.
    app.taggedCache
      .forTenant(instanceId)
      .getOrSet('report', () => ({ orders: orders.get(instanceId) ?? 0 }), {
        ttlSeconds: 300,
        tags: ['orders'],
      }),
)

app.post<OfInstance>(
  '/api/:instanceId/orders',
  { preHandler: app.tenantInstances.require },
  async ({ params: { instanceId } }) => {
    orders.set(instanceId, (orders.get(instanceId) ?? 0) + 1)
    return app.taggedCache.forTenant(instanceId).invalidateTags(['orders'])
  },
)

await app.listen({ port: Number(process.env.PORT ?? 3000) })
