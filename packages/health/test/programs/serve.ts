import redisConnection from '@stayfast/redis-connection'
import tenantInstanceStore from '@stayfast/tenant-instance-store'
import Fastify from 'fastify'
import { setTimeout as delay } from 'node:timers/promises'
import health, { type HealthOptions } from '../../dist/index.js'

/** A process as an app would be; its options of health come as JSON. */
const options = JSON.parse(process.env['HEALTH_OPTIONS'] ?? '{}') as HealthOptions
const app = Fastify({ logger: true, disableRequestLogging: true })
await app.register(redisConnection)
await app.register(tenantInstanceStore)
await app.register(health, options)
app.addHook('onClose', async () => {
  if (process.env['HANG_ON_CLOSE'] !== undefined) await new Promise(() => undefined)
  app.log.info('workers: stopped')
})

app.get('/work', async () => {
  await delay(20 + Math.random() * 60)
  return { done: true }
})
app.get('/told', async () => {
  app.log.info('told: begun')
  await delay(200)
  return { done: true }
})
app.get('/hangs', () => new Promise(() => undefined))
app.get('/endless', (_request, reply) => {
  reply.hijack()
  reply.raw.writeHead(200, { 'content-type': 'text/event-stream' })
  reply.raw.write('data: hello\n\n')
})
app.post('/install/:id', async ({ params }) =>
  app.tenantInstances.save({ id: Reflect.get(Object(params), 'id') as string }),
)

await app.listen({ port: 0, host: '127.0.0.1' })
