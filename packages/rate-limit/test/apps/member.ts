import rateLimit from '@stayfast/rate-limit'
import { ClientLink } from '@stayfast/redis-kit'
import Fastify from 'fastify'
import { Redis } from 'ioredis'

/** One process of a fleet; its limits come from the environment. */
const app = Fastify({ logger: { level: 'info' }, disableRequestLogging: true })
// A machine that is busy with four of these is no outage: a process that counts by itself admits more.
const redis = new ClientLink({
  name: 'default',
  client: new Redis(process.env['REDIS_URL'] ?? '', { lazyConnect: true, maxRetriesPerRequest: 0 }),
  owned: true,
  deadlineMs: 20_000,
})
app.addHook('onClose', () => redis.close())
await app.register(rateLimit, { redis })

app.get('/sliding-window', () => 'ok')
app.get('/fixed-window', { config: { rateLimit: { algorithm: 'fixed-window' } } }, () => 'ok')
app.get('/killed', { config: { rateLimit: {} } }, () => 'ok')

process.once('SIGTERM', () => void app.close())
await app.listen({ port: Number(process.env['PORT'] ?? 0) })
