import health from '@stayfast/health'
import redisConnection from '@stayfast/redis-connection'
import Fastify from 'fastify'

const app = Fastify({ logger: true })
await app.register(redisConnection) // REDIS_URL, or nothing: it starts either way
await app.register(health, { metricsRoute: '/metrics', signals: ['SIGTERM', 'SIGINT'] })

app.healthChecks.add({ name: 'memory', critical: true, run: () => process.memoryUsage().rss < 2e9 })
app.get('/', () => 'hello')

await app.listen({ port: Number(process.env.PORT ?? 3000) })
