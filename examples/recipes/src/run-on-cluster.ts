import redisConnection from '@stayfast/redis-connection'
import tenantInstanceStore, { type TenantInstance } from '@stayfast/tenant-instance-store'
import Fastify from 'fastify'

const app = Fastify({ logger: true })
// REDIS_CLUSTER_NODES=host:port,host:port names nodes to begin with, and nothing else changes: keys that one
// script touches share a slot, and a listing asks every primary. Or: { cluster: { nodes: ['host:port'] } }
await app.register(redisConnection)
await app.register(tenantInstanceStore)

app.post<{ Body: TenantInstance }>('/installed', ({ body }) => app.tenantInstances.save(body))

app.get('/installed', async () => {
  const ids: string[] = []
  let cursor: string | undefined
  do {
    const page = await app.tenantInstances.list({ cursor, limit: 100 })
    ids.push(...page.items.map(({ id }) => id))
    cursor = page.cursor
  } while (cursor !== undefined)
  return { ids: [...new Set(ids)].sort() }
})

await app.listen({ port: Number(process.env.PORT ?? 3000) })
