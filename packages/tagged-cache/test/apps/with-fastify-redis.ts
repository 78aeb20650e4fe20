import fastifyRedis from '@fastify/redis'
import taggedCache from '@stayfast/tagged-cache'
import Fastify from 'fastify'
import { listShops, renameShop, type Rename } from './database.js'

const app = Fastify({ logger: true })
await app.register(fastifyRedis, { url: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379' })
await app.register(taggedCache)

app.get('/shops', { config: { cache: { ttlSeconds: 300, tags: ['shops'] } } }, () => listShops())
app.put<Rename>('/shops/:id', { config: { invalidates: ['shops'] } }, ({ params, body }) =>
  renameShop(params.id, body.name),
)

await app.listen({ port: Number(process.env.PORT ?? 3000) })
