import fastifyCookie from '@fastify/cookie'
import fastifyRateLimit from '@fastify/rate-limit'
import fastifySession from '@fastify/session'
import rateLimit from '@stayfast/rate-limit'
import redisConnection from '@stayfast/redis-connection'
import session from '@stayfast/session'
import taggedCache from '@stayfast/tagged-cache'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { randomUUID } from 'node:crypto'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import { Redis } from 'ioredis'
import { salesReport } from './report.js'

/**
 * One stack of the benchmark, in a process of its own: BENCH_STACK says which, REDIS_URL where. All answer the
 * same report to GET /report; all but the bare one to who is signed in, within a limit, out of a cache.
 */
declare module 'fastify' {
  interface Session {
    vendorId?: string
  }
}

const secret = 'a secret of at least thirty-two characters'
const url = process.env['REDIS_URL'] ?? ''
/** More than is asked for: what is measured is counting, not refusing. */
const max = 1_000_000_000
const windowMs = 900_000
const ttlSeconds = 300
const vendorId = 'vendor-1'

function bare(app: FastifyInstance): void {
  app.post('/login', () => ({}))
  app.get('/report', () => salesReport(vendorId))
}

/** What one takes who puts the well-known plugins together, each as it comes. */
async function usual(app: FastifyInstance): Promise<void> {
  const redis = new Redis(url)
  const { hostname: host, port } = new URL(url)
  const connection = { host, port: Number(port) }
  const cache = new BentoCache({
    default: 'main',
    stores: {
      main: bentostore()
        .useL1Layer(memoryDriver({}))
        .useL2Layer(redisDriver({ connection }))
        .useBus(redisBusDriver({ connection })),
    },
  })
  await app.register(fastifyRateLimit, { redis, max, timeWindow: windowMs })
  await app.register(fastifyCookie)
  await app.register(fastifySession, {
    secret,
    cookie: { secure: false, maxAge: 86_400_000 },
    store: {
      get(id, callback) {
        void redis.get(`plain:${id}`, (error, text) => {
          if (error) callback(error)
          else callback(null, text ? (JSON.parse(text) as Parameters<typeof callback>[1]) : null)
        })
      },
      set(id, value, callback) {
        void redis.set(`plain:${id}`, JSON.stringify(value), 'EX', 86_400, (error) => callback(error))
      },
      destroy(id, callback) {
        void redis.del(`plain:${id}`, (error) => callback(error))
      },
    },
  })
  app.post('/login', async (request) => {
    await request.session.regenerate()
    request.session.vendorId = vendorId
    return {}
  })
  app.get('/report', async (request, reply) => {
    const signedIn = request.session.vendorId
    if (signedIn === undefined) return reply.code(401).send()
    return cache.getOrSet({
      key: `report:${signedIn}`,
      factory: () => salesReport(signedIn),
      ttl: `${ttlSeconds}s`,
      tags: [`vendor:${signedIn}`, 'orders'],
    })
  })
}

async function stayfast(app: FastifyInstance): Promise<void> {
  await app.register(redisConnection, { env: { REDIS_URL: url } })
  await app.register(rateLimit, { max, timeWindow: windowMs })
  await app.register(taggedCache)
  await app.register(session, { secret, secure: false })
  app.post('/login', async (request) => {
    await app.sessions.login(request, { userId: randomUUID(), tenantId: vendorId, roles: ['vendor'] })
    return {}
  })
  const signedIn = ({ principal }: FastifyRequest): string => principal?.tenantId ?? ''
  app.get(
    '/report',
    {
      preHandler: app.sessions.requireAuth,
      config: {
        cache: {
          ttlSeconds,
          key: (request) => `report:${signedIn(request)}`,
          tags: (request) => [`vendor:${signedIn(request)}`, 'orders'],
        },
      },
    },
    (request) => salesReport(signedIn(request)),
  )
}

const app = Fastify()
switch (process.env['BENCH_STACK']) {
  case 'usual':
    await usual(app)
    break
  case 'stayfast':
    await stayfast(app)
    break
  default:
    bare(app)
}
// Computing time per request says more than requests per second where cores are shared.
app.get('/cpu', () => {
  const { user, system } = process.cpuUsage()
  return { us: user + system }
})
console.log(`listening at ${await app.listen({ port: 0, host: '127.0.0.1' })}`)
