import fastifyRedis from '@fastify/redis'
import health from '@stayfast/health'
import Fastify from 'fastify'

const app = Fastify({ logger: true })
await app.register(fastifyRedis, { url: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379' })
await app.register(health)

await app.listen({ port: Number(process.env.PORT ?? 3000) })
