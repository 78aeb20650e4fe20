import { eventually, startRedisServer } from '@stayfast/test-kit'
import { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { type Order, type Product } from '../dist/dashboard/browser/api-types.js'
import { openStorefront } from './open-storefront.js'
import { StorefrontClient } from './storefront-client.js'

const own = '00000000-0000-4000-8000-000000000001'
const neighbours = '00000000-0000-4000-8000-000000000002'
const snapshotUrl = '/api/vendor/analytics/snapshot'

const catalogue = await openCatalogue({ kind: 'memory' }, () => undefined)
t.teardown(() => catalogue.close())

interface Process {
  app: FastifyInstance
  shop: StorefrontClient
  /** Queries that reached the database so far. */
  queries: () => number
}

/** A process on the shared catalogue, signed in as the vendor of the instance. */
async function start(
  t: Test,
  environment: NodeJS.ProcessEnv = {},
  { instanceId = own, queriesTakeMs = 0 } = {},
): Promise<Process> {
  let count = 0
  const app = await openStorefront(t, environment, {
    query: async (sql, parameters) => {
      count += 1
      const rows = await catalogue.query(sql, parameters)
      // Late is the answer, not the question: what was read is old by the time it is there.
      if (queriesTakeMs > 0) await delay(queriesTakeMs)
      return rows
    },
    transaction: (work) => catalogue.transaction(work),
    close: () => Promise.resolve(),
  })
  return { app, shop: await new StorefrontClient(app, instanceId).open(), queries: () => count }
}

const cached = ({ headers }: LightMyRequestResponse): unknown => headers['x-cache']

t.test('a snapshot costs seven queries once, and none until something changes', async (t) => {
  const { shop, queries } = await start(t)
  const count = async (expected: string): Promise<number> => {
    const before = queries()
    t.equal(cached(await shop.send('GET', snapshotUrl)), expected)
    return queries() - before
  }
  t.equal(await count('MISS'), 7)
  t.equal(await count('HIT'), 0)
  t.equal(await count('HIT'), 0)
  for (const change of [
    () => shop.ask('POST', '/orders', { productId: 'p-1-30', quantity: 1 }),
    () => shop.ask('PUT', '/products/p-1-30', { stock: 50 }),
    () => shop.ask('PATCH', '/products/bulk', { items: [{ id: 'p-1-30', priceCents: 5 }] }),
    () => shop.ask('POST', '/products', { name: 'New', priceCents: 5 }),
  ]) {
    const { statusCode } = await change()
    t.ok(statusCode < 300)
    t.equal(await count('MISS'), 7)
    t.equal(await count('HIT'), 0)
  }
  t.equal((await shop.ask('PUT', '/products/none', { stock: 1 })).statusCode, 404)
  t.equal(await count('HIT'), 0, 'what was refused has changed nothing')
})

t.test('all changes are seen by the next read: products, orders, a purchase', async (t) => {
  const { shop } = await start(t)
  const first = async (): Promise<Product | undefined> => (await shop.products({ search: 'HP-0040' }))[0]
  const before = await first()
  t.equal(cached(await shop.ask('GET', '/products?limit=200&search=HP-0040')), 'HIT')
  await shop.ask('PUT', `/products/${before?.id ?? ''}`, { stock: 9, name: 'Renamed' })
  t.match(await first(), { stock: 9, name: 'Renamed' })
  const { orderCount } = (await shop.send('GET', snapshotUrl)).json<{ orderCount: number }>()
  await shop.ask('PUT', '/cart', { items: [{ productId: before?.id, quantity: 2 }] })
  const bought = await shop.ask('POST', '/checkout', undefined, { 'idempotency-key': 'a-purchase' })
  t.equal(bought.statusCode, 201, bought.body)
  t.match(await first(), { stock: 7 })
  const after = (await shop.send('GET', snapshotUrl)).json<{ orderCount: number; byStatus: unknown }>()
  t.equal(after.orderCount, orderCount + 1)
  const order = bought.json<{ orders: Order[] }>().orders[0]?.id ?? ''
  await shop.ask('PATCH', `/orders/${order}`, { status: 'shipped' })
  t.not(
    JSON.stringify((await shop.send('GET', snapshotUrl)).json<{ byStatus: unknown }>().byStatus),
    JSON.stringify(after.byStatus),
  )
})

t.test('pages keep their cursor, and no vendor sees what was stored for another', async (t) => {
  const { app, shop } = await start(t)
  const neighbour = await new StorefrontClient(app, neighbours).open()
  const fresh = await shop.ask('GET', '/products?limit=3')
  const stored = await shop.ask('GET', '/products?limit=3')
  t.strictSame([cached(fresh), cached(stored)], ['MISS', 'HIT'])
  t.equal(stored.headers['x-next-cursor'], fresh.headers['x-next-cursor'])
  t.equal(stored.body, fresh.body)
  const theirs = await neighbour.ask('GET', '/products?limit=3')
  t.equal(cached(theirs), 'MISS')
  t.match(theirs.json(), [{ id: 'p-2-1' }])
  t.equal((await neighbour.send('GET', `/api/${own}/products?limit=3`)).statusCode, 403)
  t.equal((await app.inject(`/api/${own}/products?limit=3`)).statusCode, 401)
})

t.test('admins see the figures of all vendors, and what the cache did', async (t) => {
  const { app, shop } = await start(t)
  const admin = await new StorefrontClient(app).signIn('admin')
  const metrics = await admin.send('GET', '/api/admin/metrics')
  t.equal(cached(metrics), 'MISS')
  t.match(metrics.json(), {
    vendorCount: 3,
    productCount: Number,
    vendors: [{ vendorId: 'vendor-1' }, {}, {}],
  })
  t.equal(cached(await admin.send('GET', '/api/admin/metrics')), 'HIT')
  t.match((await admin.send('GET', '/api/admin/cache/stats')).json(), {
    hits: 1,
    misses: 1,
    hitRate: 50,
    totalKeys: 1,
    memoryUsage: Number,
  })
  for (const path of ['metrics', 'cache/stats']) {
    t.equal((await shop.send('GET', `/api/admin/${path}`)).statusCode, 403)
    t.equal((await app.inject(`/api/admin/${path}`)).statusCode, 401)
  }
})

t.test('what one process changes no other answers from its memory', async (t) => {
  const redis = await startRedisServer({}, t)
  const environment = { REDIS_URL: redis.url }
  const [one, two] = [await start(t, environment), await start(t, environment)]
  await one.shop.send('GET', snapshotUrl)
  const before = two.queries()
  t.equal((await two.shop.send('GET', snapshotUrl)).statusCode, 200)
  t.equal(two.queries(), before, 'one loads for both')
  t.equal(Number(await redis.command('EXISTS', ...(await keysOf(redis, 'analytics:vendor-1:snapshot:*')))), 1)
  for (let price = 101; price < 111; price += 1) {
    const [writer, reader] = price % 2 === 0 ? [one, two] : [two, one]
    await writer.shop.ask('PUT', '/products/p-1-1', { priceCents: price })
    const listed = await reader.shop.ask('GET', '/products?limit=1')
    t.match(listed.json(), [{ id: 'p-1-1', priceCents: price }])
    t.equal(cached(await reader.shop.ask('GET', '/products?limit=1')), 'HIT')
  }
})

t.test(
  'under load and with slow loaders no read shows what an edit has replaced, and most are hits',
  async (t) => {
    const redis = await startRedisServer({}, t)
    const environment = { REDIS_URL: redis.url }
    const slow = { queriesTakeMs: 25 }
    const processes = [await start(t, environment, slow), await start(t, environment, slow)] as const
    let [latest, edited, running] = [0, 0, true]
    const seen = { stale: 0, hits: 0, reads: 0 }
    const readers = processes.flatMap(({ shop }) =>
      Array.from({ length: 4 }, async () => {
        while (running) {
          const [atLeast, edit] = [latest, edited]
          const answer = await shop.ask('GET', '/products?limit=1')
          const [product] = answer.json<Product[]>()
          if ((product?.priceCents ?? 0) < atLeast) seen.stale += 1
          // What overlaps with an edit has to miss.
          if (edit === edited && edit % 2 === 0) {
            seen.reads += 1
            if (cached(answer) === 'HIT') seen.hits += 1
          }
          await delay(2)
        }
      }),
    )
    for (let price = 1_000; price < 1_012; price += 1) {
      const { shop } = processes[price % 2 === 0 ? 0 : 1]
      edited += 1
      t.equal((await shop.ask('PUT', '/products/p-1-1', { priceCents: price })).statusCode, 200)
      latest = price
      edited += 1
      await delay(250)
    }
    running = false
    await Promise.all(readers)
    t.equal(seen.stale, 0)
    t.ok(seen.hits >= 0.8 * seen.reads, `${seen.hits} hits of ${seen.reads} reads between edits`)
  },
)

t.test('edits made without Redis are seen here at once, and by all when it has returned', async (t) => {
  const redis = await startRedisServer({ appendOnly: true }, t)
  const environment = { REDIS_URL: redis.url }
  const [one, two] = [await start(t, environment), await start(t, environment)]
  const priceAt = async ({ shop }: Process): Promise<number | undefined> =>
    (await shop.ask('GET', '/products?limit=1')).json<Product[]>()[0]?.priceCents
  await one.shop.ask('PUT', '/products/p-1-1', { priceCents: 200 })
  t.strictSame([await priceAt(one), await priceAt(two)], [200, 200])
  await redis.kill()
  const down = ({ app }: Process): boolean => app.redisConnection.status === 'down'
  await eventually(() => down(one) && down(two))
  t.equal((await one.shop.ask('PUT', '/products/p-1-1', { priceCents: 201 })).statusCode, 200)
  t.equal(await priceAt(one), 201)
  await redis.restart({ keepData: true })
  const up = ({ app }: Process): boolean => app.redisConnection.status === 'up'
  await eventually(() => up(one) && up(two), { withinMs: 10_000 })
  await eventually(async () => (await priceAt(two)) === 201, { withinMs: 5_000 })
  t.equal(await priceAt(one), 201)
})

async function keysOf(
  redis: Awaited<ReturnType<typeof startRedisServer>>,
  pattern: string,
): Promise<string[]> {
  const keys = await redis.command('KEYS', `cache:${pattern}`)
  return Array.isArray(keys) ? keys.map(String) : []
}
