import fastifyRedis from '@fastify/redis'
import redisConnection from '@stayfast/redis-connection'
import taggedCache from '@stayfast/tagged-cache'
import Fastify from 'fastify'
import { Redis } from 'ioredis'

// The client that the app has had all along, with settings of its own; the app closes it.
const client = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', { connectionName: 'shop' })

const app = Fastify({ logger: true })
await app.register(fastifyRedis, { client })
// Adopts it: it is neither closed nor reconfigured. Leave this line out where no link is needed: the cache would
// find app.redis by itself, and so does each plugin that is given `redis: client`.
await app.register(redisConnection, { client })
await app.register(taggedCache)
app.addHook('onClose', () => {
  client.disconnect()
})

app.get('/visits', async () => ({ visits: await app.redis.incr('visits') }))
app.get('/shops', { config: { cache: { ttlSeconds: 300, tags: ['shops'] } } }, () => ({
  shops: ['one', 'two'],
}))

await app.listen({ port: Number(process.env.PORT ?? 3000) })
