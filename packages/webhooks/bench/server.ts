import { Queue } from 'bullmq'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import { createHmac, timingSafeEqual } from 'node:crypto'
import webhooks, { hmac } from '../dist/index.js'

/**
 * Either this package, or what one would write by hand: a route with the raw body, the same HMAC check and
 * BullMQ's `add`, which knows no duplicates and waits for ever while Redis is away.
 */
const url = process.env['REDIS_URL'] ?? ''
const secret = 'secret of the bench'
const app = Fastify({ logger: { level: 'info' }, disableRequestLogging: true })

if (process.env['SUBJECT'] === 'bare') {
  const queue = new Queue('bare', { connection: new Redis(url, { maxRetriesPerRequest: null }) })
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (_request, body, done) => {
    done(null, body)
  })
  app.post('/webhooks/generic', async ({ headers, body }, reply) => {
    const raw = Buffer.isBuffer(body) ? body : Buffer.alloc(0)
    const expected = createHmac('sha256', secret).update(raw).digest()
    const given = Buffer.from(String(headers['x-signature']), 'hex')
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return reply.code(401).send()
    const payload: unknown = JSON.parse(raw.toString())
    await queue.add(String(headers['x-topic']), payload, {
      jobId: `id-${String(headers['x-webhook-id'])}`,
      attempts: 3,
      backoff: { type: 'exponential', delay: 5000 },
      removeOnComplete: true,
    })
    return reply.code(202).send({ status: 'accepted' })
  })
} else {
  const redis = new Redis(url, { lazyConnect: true })
  await app.register(webhooks, {
    redis,
    processing: false,
    providers: { generic: hmac({ secrets: secret }) },
  })
}

await app.listen({ port: 0, host: '127.0.0.1' })
