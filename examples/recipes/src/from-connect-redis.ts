import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import { createSessionStore } from '@stayfast/session'
import Fastify from 'fastify'
import { Redis } from 'ioredis'

declare module 'fastify' {
  interface Session {
    visits?: number
  }
}

const app = Fastify({ logger: true })
const client = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379')

// Was: const store = new RedisStore({ client, prefix: 'sess:' })
const store = createSessionStore({ redis: client, legacy: { prefix: 'sess:' }, logger: app.log })
app.addHook('onReady', () => store.ready())
app.addHook('onClose', async () => {
  await store.close()
  client.disconnect()
})

// As before, but for idGenerator: an id then says where its session lies.
await app.register(fastifyCookie)
await app.register(fastifySession, {
  secret: process.env.SESSION_SECRET ?? '',
  cookie: { secure: false },
  store,
  idGenerator: store.idGenerator,
})

app.get('/visits', ({ session }) => ({ visits: (session.visits = (session.visits ?? 0) + 1) }))

await app.listen({ port: Number(process.env.PORT ?? 3000) })
