import redisConnection from '@stayfast/redis-connection'
import Fastify from 'fastify'

const app = Fastify({ logger: true })
await app.register(redisConnection) // reads REDIS_URL; starts and serves without it

app.get('/visits', async () => ({
  visits: await app.redisConnection.link().run((redis) => redis.call('INCR', 'visits')),
}))
app.get('/health', () => app.redisConnection.check())

await app.listen({ port: Number(process.env.PORT ?? 3000) })
