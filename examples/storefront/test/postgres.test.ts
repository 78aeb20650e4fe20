import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { Products } from '../dist/catalogue/products.js'
import { checkoutContract } from './contract/checkout-contract.js'
import { ordersContract } from './contract/orders-contract.js'
import { productsContract } from './contract/products-contract.js'
import { startPostgres } from './postgres-server.js'
import { openStorefront } from './open-storefront.js'
import { StorefrontClient } from './storefront-client.js'

/** As long as many purchases at once may keep each other waiting. */
const HELD_MS = 4_000

const postgres = await startPostgres(t)
t.comment(`on ${postgres.kind}`)

const source = { kind: 'postgres', url: postgres.url } as const
const broken: Error[] = []
const open = (): ReturnType<typeof openCatalogue> => openCatalogue(source, (error) => broken.push(error))

/** A storefront, and another session that can hold its rows; none where PGlite stands for a Postgres. */
async function openBesideAdmin(t: Test): Promise<{ shop: StorefrontClient; admin: pg.Client } | undefined> {
  if (postgres.kind === 'pglite') {
    t.comment('PGlite has one session, where nobody waits for another or can be ended')
    return undefined
  }
  const app = await openStorefront(t, { DATABASE_URL: postgres.url })
  const admin = new pg.Client({ connectionString: postgres.url })
  await admin.connect()
  t.teardown(() => admin.end())
  return { shop: await new StorefrontClient(app).open(), admin }
}

t.test('processes that start at once on an empty Postgres load the catalogue once', async (t) => {
  const databases = await Promise.all([open(), open(), open()])
  for (const database of databases) {
    const [row] = await database.query('select count(*)::integer as orders from storefront.orders')
    t.equal(row?.['orders'], 50_000)
    await database.close()
  }
})

t.test('a catalogue that is there is kept', async (t) => {
  const first = await open()
  await new Products(first).change('vendor-1', 'p-1-900', { name: 'Kept' })
  await first.close()
  const second = await open()
  const { items } = await new Products(second).list('vendor-1', { limit: 10, search: 'Kept' })
  t.match(items, [{ id: 'p-1-900' }])
  await second.close()
})

t.test('over HTTP it is the same as the embedded one', async (t) => {
  const app = await openStorefront(t, { DATABASE_URL: postgres.url })
  const shop = await new StorefrontClient(app).open()
  const neighbour = await new StorefrontClient(app, '00000000-0000-4000-8000-000000000002').open()
  productsContract(t, shop, neighbour)
  ordersContract(t, neighbour)
})

t.test('carts and purchases are the same as in the embedded one', async (t) => {
  const database = await open()
  t.teardown(() => database.close())
  checkoutContract(t, database)
})

t.test('a transaction that fails leaves nothing, and its connection is used again', async (t) => {
  const database = await open()
  t.teardown(() => database.close())
  for (let round = 0; round < 20; round += 1) {
    await t.rejects(
      database.transaction(async (transaction) => {
        await transaction.query(`update storefront.products set name = 'gone' where id = 'p-3-1'`)
        await transaction.query('select 1 / 0')
      }),
      { code: '22012' },
    )
  }
  const [row] = await database.query(`select name from storefront.products where id = 'p-3-1'`)
  t.not(row?.['name'], 'gone')
})

t.test('transactions that wait for each other are both done', async (t) => {
  if (postgres.kind === 'pglite') {
    t.comment('PGlite has one session, where nobody waits for another')
    t.end()
    return
  }
  const database = await open()
  t.teardown(() => database.close())
  let begun = 0
  let goOn = (): void => undefined
  const bothBegun = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const sell = (first: string, second: string): Promise<void> =>
    database.transaction(async (transaction) => {
      const take = `update storefront.products set stock = stock - 1 where vendor_id = 'vendor-1' and id = $1`
      await transaction.query(take, [first])
      begun += 1
      if (begun === 2) goOn()
      await bothBegun
      await transaction.query(take, [second])
    })
  const products = new Products(database)
  await products.changeAll('vendor-1', [
    { id: 'p-1-70', stock: 10 },
    { id: 'p-1-71', stock: 10 },
  ])
  await Promise.all([sell('p-1-70', 'p-1-71'), sell('p-1-71', 'p-1-70')])
  const left = (await products.stock('vendor-1')).filter(({ productId }) => /^p-1-7[01]$/.test(productId))
  t.same(
    left.map(({ stock }) => stock),
    [8, 8],
    'each once',
  )
})

t.test('who waits while all connections wait for one row is served when it is free', async (t) => {
  const beside = await openBesideAdmin(t)
  if (beside === undefined) return
  const { shop, admin } = beside
  await admin.query('begin')
  await admin.query(`update storefront.products set stock = 100 where id = 'p-1-72'`)
  const orders = Array.from({ length: 30 }, () =>
    shop.ask('POST', '/orders', { productId: 'p-1-72', quantity: 1 }),
  )
  await delay(HELD_MS)
  await admin.query('commit')
  for (const { statusCode, body } of await Promise.all(orders)) t.equal(statusCode, 201, body)
})

t.test('a Postgres that is not there stops the start, without its URL in the message', async (t) => {
  const nobody = 'postgres://shop:hunter2@127.0.0.1:1/shop'
  await t.rejects(
    openCatalogue({ kind: 'postgres', url: nobody }, () => undefined),
    {
      code: 'SHOP_CATALOGUE_UNAVAILABLE',
      message: /^(?!.*hunter2).*DATABASE_URL/,
      cause: Error,
    },
  )
})

t.test(
  'connections that break fail their requests with 503, and the next request opens another',
  async (t) => {
    const beside = await openBesideAdmin(t)
    if (beside === undefined) return
    const { shop, admin } = beside

    // The request waits for a row that the other session holds, and loses its connection while it waits.
    await admin.query('begin')
    await admin.query(`update storefront.products set stock = stock where id = 'p-1-50'`)
    const waiting = shop.ask('PATCH', '/products/bulk', { items: [{ id: 'p-1-50', stock: 1 }] })
    const ended = `select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'storefront' and wait_event_type = 'Lock'`
    let found = 0
    while (found === 0) found = (await admin.query(ended)).rowCount ?? 0
    const failed = await waiting
    t.match(failed.json(), { statusCode: 503, code: 'SHOP_CATALOGUE_UNAVAILABLE' })
    t.match(failed.headers, { 'retry-after': /^\d+$/ })
    await admin.query('rollback')
    const next = await shop.ask('PATCH', '/products/bulk', { items: [{ id: 'p-1-50', stock: 1 }] })
    t.equal(next.statusCode, 200)
  },
)
