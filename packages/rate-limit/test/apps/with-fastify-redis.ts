import fastifyRedis from '@fastify/redis'
import rateLimit from '@stayfast/rate-limit'
import Fastify from 'fastify'

const app = Fastify({ logger: true })
await app.register(fastifyRedis, { url: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379' })
await app.register(rateLimit, { exclude: ['/healthz', '/webhooks/*'] })

app.get('/', () => ({ hello: 'world' }))
app.get('/healthz', () => 'ok')
app.post('/login', { config: { rateLimit: { max: 5, timeWindow: '1 minute' } } }, () => ({ ok: true }))

await app.listen({ port: Number(process.env.PORT ?? 3000) })
