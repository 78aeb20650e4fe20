import Fastify from 'fastify'
import redisConnection from '../../dist/index.js'

/** Starts an app with every kind of connection, closes it, and leaves the rest to Node. */
const app = Fastify()
await app.register(redisConnection)
await app.ready()
const queue = app.redisConnection.link('queue')
queue.subscribe('news', { onMessage: () => undefined })
app.redisConnection.link().subscribe('news', { onMessage: () => undefined })
await new Promise((resolve) => setTimeout(resolve, Number(process.env['LIVE_MS'])))
if (queue.status === 'up') {
  const worker = app.redisConnection.blockingClient('queue')
  worker.call('blpop', 'jobs', 0).catch(() => undefined)
}
const { status } = app.redisConnection
const startedMs = performance.now()
await app.close()
console.log(`closed from ${status} in ${Math.round(performance.now() - startedMs)} ms`)
