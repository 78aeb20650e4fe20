import fastifyRedis from '@fastify/redis'
import Fastify from 'fastify'
import { Redis, Cluster } from 'ioredis'
import { Orders } from '../../dist/catalogue/orders.js'
import { openCatalogue } from '../../dist/catalogue/open-catalogue.js'
import { Products } from '../../dist/catalogue/products.js'
import { vendorOf } from '../../dist/instances/vendor-of.js'

/**
 * The same few routes as people write them: a client from @fastify/redis with its defaults, a key for each
 * instance, no word about what happens when Redis is away. The catalogue is the storefront's own.
 */
const ttlSeconds = 30 * 24 * 60 * 60
const { env } = process
const app = Fastify({ logger: { level: env['LOG_LEVEL'] ?? 'info' } })
const database = await openCatalogue({ kind: 'postgres', url: env['DATABASE_URL'] ?? '' }, (error) =>
  app.log.warn(error),
)
app.addHook('onClose', () => database.close())
const products = new Products(database)
const orders = new Orders(database)

const nodes = (list: string): { host: string; port: number }[] =>
  list.split(',').map((address) => {
    const [host = '', port] = address.split(':')
    return { host, port: Number(port) }
  })
if (env['REDIS_SENTINELS'] !== undefined) {
  const client = new Redis({
    sentinels: nodes(env['REDIS_SENTINELS']),
    name: env['REDIS_SENTINEL_NAME'] ?? '',
  })
  await app.register(fastifyRedis, { client, closeClient: true })
} else if (env['REDIS_CLUSTER_NODES'] !== undefined) {
  const client = new Cluster(nodes(env['REDIS_CLUSTER_NODES']))
  await app.register(fastifyRedis, { client, closeClient: true })
} else {
  await app.register(fastifyRedis, { url: env['REDIS_URL'] ?? '' })
}

async function open(id: string): Promise<{ id: string; vendorId: string }> {
  const instance = { id, vendorId: vendorOf(id) }
  await app.redis.set(`instance:${id}`, JSON.stringify(instance), 'EX', ttlSeconds)
  return instance
}

app.get('/', () => ({ redis: app.redis.status }))
app.get<{ Querystring: { instance: string } }>('/dashboard', async ({ query }, reply) => {
  const { vendorId } = await open(query.instance)
  return reply.type('text/html').send(`<h1>${vendorId}</h1>`)
})
app.post<{ Body: { instance: string } }>('/api/instances', async ({ body }, reply) => {
  return reply.code(201).send({ ...(await open(body.instance)), durability: 'redis' })
})

app.decorateRequest('vendorId', '')
declare module 'fastify' {
  interface FastifyRequest {
    vendorId: string
  }
}

await app.register(
  (api, _options, done) => {
    api.addHook<{ Params: { instanceId: string } }>('preHandler', async (request, reply) => {
      const stored = await app.redis.get(`instance:${request.params.instanceId}`)
      if (stored === null) return reply.code(404).send({ message: 'Instance not found' })
      request.vendorId = vendorOf(request.params.instanceId)
    })
    api.get<{ Querystring: { limit?: string } }>('/products', async ({ vendorId, query }) => {
      return (await products.list(vendorId, { limit: Number(query.limit ?? 50) })).items
    })
    api.put<{ Params: { id: string }; Body: { priceCents: number } }>(
      '/products/:id',
      ({ vendorId, params, body }) => products.change(vendorId, params.id, body),
    )
    api.get('/orders', async ({ vendorId }) => (await orders.list(vendorId, { limit: 50 })).items)
    api.get('/inventory', ({ vendorId }) => products.stock(vendorId))
    done()
  },
  { prefix: '/api/:instanceId' },
)

const address = await app.listen({ host: '127.0.0.1', port: Number(env['PORT'] ?? 3000) })
process.stdout.write(`The plain app is ready: ${address}/\n`)
