import fastifyRedis from '@fastify/redis'
import tenantInstanceStore, { type TenantInstance } from '@stayfast/tenant-instance-store'
import Fastify from 'fastify'

const app = Fastify({ logger: true })
await app.register(fastifyRedis, { url: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379' })
await app.register(tenantInstanceStore)

app.post<{ Body: TenantInstance }>('/installed', ({ body }) => app.tenantInstances.save(body))
app.get('/api/:instanceId/shop', { preHandler: app.tenantInstances.require }, (request) => ({
  shop: request.tenantInstance?.shop,
}))

await app.listen({ port: Number(process.env.PORT ?? 3000) })
