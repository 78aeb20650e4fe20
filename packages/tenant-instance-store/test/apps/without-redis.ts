import tenantInstanceStore, { type TenantInstance } from '@stayfast/tenant-instance-store'
import Fastify from 'fastify'

const app = Fastify({ logger: true })
await app.register(tenantInstanceStore)

app.post<{ Body: TenantInstance }>('/installed', ({ body }) => app.tenantInstances.save(body))
app.get('/api/:instanceId/shop', { preHandler: app.tenantInstances.require }, (request) => ({
  shop: request.tenantInstance?.shop,
}))

await app.listen({ port: Number(process.env.PORT ?? 3000) })
