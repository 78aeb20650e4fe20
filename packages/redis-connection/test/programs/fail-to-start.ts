import Fastify from 'fastify'
import redisConnection from '../../dist/index.js'

/** An app that insists on Redis, and that nobody closes when it could not start. */
const app = Fastify({ pluginTimeout: 2000 })
try {
  await app.register(redisConnection, { bootMode: 'require' })
} catch (error) {
  console.log(error instanceof Error && 'code' in error ? String(error.code) : 'no code')
}
