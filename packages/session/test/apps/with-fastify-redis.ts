import fastifyRedis from '@fastify/redis'
import session, { type SessionUser } from '@stayfast/session'
import Fastify from 'fastify'

const app = Fastify({ logger: true, trustProxy: 'loopback' })
await app.register(fastifyRedis, { url: process.env.REDIS_URL ?? 'redis://127.0.0.1:6379' })
await app.register(session)

// Once the password was right:
app.post<{ Body: SessionUser }>('/login', (request) => app.sessions.login(request, request.body))
app.post('/logout', (request, reply) => app.sessions.logout(request, reply))
app.get('/me', { preHandler: app.sessions.requireAuth }, (request) => request.principal)

await app.listen({ port: Number(process.env.PORT ?? 3000) })
