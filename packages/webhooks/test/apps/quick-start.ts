import fastifyRedis from '@fastify/redis'
import webhooks, { shopify } from '@stayfast/webhooks'
import Fastify from 'fastify'

const app = Fastify({ logger: true })
const { REDIS_URL: url, WEBHOOK_SECRET_SHOPIFY: secret } = process.env
if (url !== undefined) await app.register(fastifyRedis, { url })
await app.register(webhooks, { providers: { shopify: secret ? shopify({ secrets: secret }) : undefined } })

app.webhooks.on('shopify', 'orders/create', async (event, { signal }) => {
  app.log.info({ shop: event.tenantId, order: event.payload, aborted: signal.aborted }, 'a new order')
})

await app.listen({ port: Number(process.env.PORT ?? 3000) })
