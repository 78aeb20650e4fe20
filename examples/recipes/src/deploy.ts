import health from '@stayfast/health'
import rateLimit from '@stayfast/rate-limit'
import redisConnection from '@stayfast/redis-connection'
import session, { type SessionUser } from '@stayfast/session'
import Fastify from 'fastify'

// Proxies between a client and this process, which alone are believed about its address: 2 on Render, 1 on Railway.
const proxies = Number(process.env.TRUSTED_PROXIES ?? 0)

const app = Fastify({ logger: true, trustProxy: (_address, hop) => hop < proxies })
await app.register(redisConnection)
await app.register(health, { signals: ['SIGTERM', 'SIGINT'] })
await app.register(rateLimit, { exclude: ['/livez', '/readyz', '/api/v1/health'] })
await app.register(session)

// Once the password was right:
app.post<{ Body: SessionUser }>('/login', (request) => app.sessions.login(request, request.body))
app.get('/me', { preHandler: app.sessions.requireAuth }, (request) => request.principal)

await app.listen({ host: '0.0.0.0', port: Number(process.env.PORT ?? 3000) })
