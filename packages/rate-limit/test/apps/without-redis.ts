import rateLimit from '@stayfast/rate-limit'
import Fastify from 'fastify'

const app = Fastify({ logger: true })
await app.register(rateLimit)

app.get('/', () => ({ hello: 'world' }))

await app.listen({ port: Number(process.env.PORT ?? 3000) })
