import { Redis } from 'ioredis'
import Fastify from 'fastify'
import redisConnection from '@stayfast/redis-connection'
import { setTimeout as delay } from 'node:timers/promises'
import { testSecret } from '../signed-event.js'

/** How far the clock of this process is off. */
const offsetMs = Number(process.env['CLOCK_OFFSET_MS'] ?? 0)
if (offsetMs !== 0) {
  const now = Date.now.bind(Date)
  const RealDate = Date
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args, newTarget): object =>
      Reflect.construct(target, args.length === 0 ? [now() + offsetMs] : args, newTarget) as object,
    get: (target, name): unknown => (name === 'now' ? () => now() + offsetMs : Reflect.get(target, name)),
  })
}
const { default: webhooks, hmac, stripe } = await import('../../dist/index.js')

/**
 * An app whose handler does something outside: it counts its runs, and writes an effect once for each
 * idempotency token. `DIE` says where it is killed in its first run.
 */
const url = process.env['EFFECTS_URL'] ?? process.env['REDIS_URL'] ?? ''
const die = process.env['DIE'] ?? ''
const effects = new Redis(url, { db: 5 })
const app = Fastify({ logger: { level: process.env['LOG_LEVEL'] ?? 'info' }, disableRequestLogging: true })
await app.register(redisConnection)
await app.register(webhooks, {
  providers: { generic: hmac({ secrets: testSecret }), stripe: stripe({ secrets: 'whsec_test' }) },
  leaseSeconds: Number(process.env['LEASE_SECONDS'] ?? 1),
  claimSeconds: 1,
  processing: process.env['PROCESSING'] !== 'false',
  receiving: process.env['RECEIVING'] !== 'false',
})

/** An effect and the mark that it happened, in one step. */
const once = `if redis.call('SETNX', KEYS[1], ARGV[1]) == 1 then redis.call('RPUSH', KEYS[2], ARGV[1]) end`
const slowMs = Number(process.env['SLOW_MS'] ?? 0)

function dieAt(where: string): void {
  if (die === where) process.kill(process.pid, 'SIGKILL')
}

for (const provider of ['generic', 'stripe']) {
  app.webhooks.on(provider, '*', async ({ id, topic, attempt, repeated, idempotencyToken }) => {
    await effects.rpush('runs', `${id} ${attempt} ${repeated}`)
    dieAt('in the handler')
    if (topic === 'fails once' && attempt === 1) throw new Error('once')
    if (slowMs > 0) await delay(Math.random() * slowMs)
    await effects.eval(once, 2, `effect:${idempotencyToken}`, 'effects', id)
    dieAt('after the handler')
  })
}
app.addHook('onClose', () => {
  effects.disconnect()
})
process.once('SIGTERM', () => void app.close())
await app.listen({ port: Number(process.env['PORT'] ?? 0), host: '127.0.0.1' })
