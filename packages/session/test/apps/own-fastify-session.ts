import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import { createSessionStore } from '@stayfast/session'
import Fastify from 'fastify'
import { Redis } from 'ioredis'

const store = createSessionStore({ redis: new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379') })
const app = Fastify({ logger: true })
const secret = process.env.SESSION_SECRET ?? ''
await app.register(fastifyCookie)
await app.register(fastifySession, {
  secret,
  store,
  idGenerator: store.idGenerator,
  cookie: { secure: false },
})
app.addHook('onReady', () => store.ready())
app.addHook('onClose', () => store.close())
app.get('/visits', ({ session }) => ({ visits: (session.visits = (session.visits ?? 0) + 1) }))
await app.listen({ port: Number(process.env.PORT ?? 3000) })
