import { type Test } from 'tap'
import { type Order, type Product } from '../../dist/dashboard/browser/api-types.js'
import { type StorefrontClient } from '../storefront-client.js'

/** What `/api/:instanceId/orders` and the analytics snapshot promise, whichever Postgres is behind them. */
export function ordersContract(t: Test, shop: StorefrontClient): void {
  t.test('orders come newest first, 50 at a time', async (t) => {
    const response = await shop.ask('GET', '/orders')
    t.equal(response.statusCode, 200)
    const orders = response.json<Order[]>()
    t.equal(orders.length, 50)
    t.match(orders[0], {
      id: /^o-2-\d+$/,
      productId: /^p-2-\d+$/,
      quantity: Number,
      totalCents: Number,
      status: String,
      createdAt: /^2026-10-31T.*Z$/,
    })
    const times = orders.map(({ createdAt }) => createdAt)
    t.same(times, times.toSorted().toReversed())
  })

  t.test('paging to the end yields each order once', async (t) => {
    const items = await shop.orders()
    t.equal(items.length, 16_667)
    t.equal(new Set(items.map(({ id }) => id)).size, 16_667)
  })

  t.test('a cursor that is none is 400', async (t) => {
    const madeUp = [['now', 'o-2-1'], ['2026-13-45T99:00:00.000Z', 'o'], ['2026-01-01T00:00:00.000Z'], 7]
    const cursors = madeUp.map((position) => Buffer.from(JSON.stringify(position)).toString('base64url'))
    for (const cursor of ['x', ...cursors]) {
      const response = await shop.ask('GET', `/orders?cursor=${cursor}`)
      t.match(response.json(), { statusCode: 400, code: 'SHOP_CURSOR_INVALID' }, cursor)
    }
  })

  t.test('an order is recorded at the price of its product, and taken from stock', async (t) => {
    await shop.ask('PUT', '/products/p-2-7', { priceCents: 250, stock: 5 })
    const response = await shop.ask('POST', '/orders', { productId: 'p-2-7', quantity: 3 })
    t.equal(response.statusCode, 201)
    const order = response.json<Order>()
    t.match(order, { id: /^o-2-\d+$/, productId: 'p-2-7', quantity: 3, totalCents: 750, status: 'pending' })
    t.ok(Math.abs(Date.now() - Date.parse(order.createdAt)) < 60_000, 'it was created now')
    t.equal((await shop.ask('GET', '/orders?limit=1')).json<Order[]>()[0]?.id, order.id)
    await shop.ask('POST', '/orders', { productId: 'p-2-7', quantity: 3 })
    const product = (await shop.ask('PUT', '/products/p-2-7', { name: 'Sold' })).json<Product>()
    t.equal(product.stock, 0, 'a sale that has happened is never refused, and stock never below zero')
  })

  t.test('orders that are recorded at once get an id each', async (t) => {
    const responses = await Promise.all(
      Array.from({ length: 20 }, () => shop.ask('POST', '/orders', { productId: 'p-2-8', quantity: 1 })),
    )
    t.equal(new Set(responses.map((response) => response.json<Order>().id)).size, 20)
  })

  t.test('an order that is invalid is 400, one of an unknown product 404', async (t) => {
    for (const body of [
      {},
      { productId: 'p-2-7' },
      { productId: 'p-2-7', quantity: 0 },
      { productId: 'p-2-7', quantity: 1.5 },
      { productId: 'p-2-7', quantity: '1' },
      { productId: 7, quantity: 1 },
    ]) {
      t.equal((await shop.ask('POST', '/orders', body)).statusCode, 400, JSON.stringify(body))
    }
    for (const productId of ['p-2-999999', 'p-1-7']) {
      const response = await shop.ask('POST', '/orders', { productId, quantity: 1 })
      t.match(response.json(), { statusCode: 404, code: 'SHOP_PRODUCT_NOT_FOUND' })
    }
  })

  t.test('PATCH sets where an order stands', async (t) => {
    const response = await shop.ask('PATCH', '/orders/o-2-1', { status: 'shipped' })
    t.equal(response.statusCode, 200)
    t.match(response.json(), { id: 'o-2-1', status: 'shipped', productId: String, totalCents: Number })
    for (const body of [{}, { status: 'lost' }, { status: 7 }, { status: 'paid', quantity: 2 }]) {
      t.equal((await shop.ask('PATCH', '/orders/o-2-1', body)).statusCode, 400, JSON.stringify(body))
    }
    for (const id of ['o-2-999999', 'o-1-1']) {
      const unknown = await shop.ask('PATCH', `/orders/${id}`, { status: 'paid' })
      t.match(unknown.json(), { statusCode: 404, code: 'SHOP_ORDER_NOT_FOUND' })
    }
  })

  t.test('search looks at the ids of orders and products', async (t) => {
    const items = await shop.orders({ search: 'p-2-8' })
    t.ok(items.length >= 20)
    t.ok(items.every(({ productId }) => productId.includes('p-2-8')))
  })

  t.test('the snapshot adds up what the orders say, both days included', async (t) => {
    const items = await shop.orders()
    const days = items.filter(({ createdAt }) => createdAt >= '2026-03-01' && createdAt < '2026-03-11')
    const earned = days.filter(({ status }) => status !== 'cancelled' && status !== 'refunded')
    const total = (orders: Order[]): number => orders.reduce((sum, { totalCents }) => sum + totalCents, 0)
    const response = await shop.send('GET', snapshotUrl('&dateFrom=2026-03-01&dateTo=2026-03-10'))
    t.equal(response.statusCode, 200)
    t.equal(response.headers['x-cache'], 'MISS')
    const snapshot = response.json<Snapshot>()
    t.match(snapshot, {
      vendorId: 'vendor-2',
      dateFrom: '2026-03-01',
      dateTo: '2026-03-10',
      orderCount: days.length,
      revenueCents: total(earned),
      unitsSold: earned.reduce((sum, { quantity }) => sum + quantity, 0),
      averageOrderCents: Math.round(total(earned) / earned.length),
    })
    const counted = (rows: { orderCount: number }[]): number =>
      rows.reduce((sum, row) => sum + row.orderCount, 0)
    t.equal(counted(snapshot.byStatus), days.length)
    t.equal(counted(snapshot.byDay), days.length)
    t.equal(counted(snapshot.byWeekday), days.length)
    t.same([snapshot.byDay[0]?.date, snapshot.byDay.at(-1)?.date], ['2026-03-01', '2026-03-10'])
    t.equal(snapshot.topProducts.length, 10)
    const earlier = items.filter(({ createdAt }) => createdAt >= '2026-02-19' && createdAt < '2026-03-01')
    t.equal(snapshot.previous.orderCount, earlier.length)
    t.ok(snapshot.inventory.productCount >= 1_000)
  })

  t.test('an order changes the figures of its day', async (t) => {
    const today = new Date().toISOString().slice(0, 10)
    const url = snapshotUrl(`&dateFrom=${today}`)
    const before = (await shop.send('GET', url)).json<Snapshot>()
    const order = (await shop.ask('POST', '/orders', { productId: 'p-2-9', quantity: 2 })).json<Order>()
    const after = (await shop.send('GET', url)).json<Snapshot>()
    t.equal(after.orderCount, before.orderCount + 1)
    t.equal(after.revenueCents, before.revenueCents + order.totalCents)
  })

  t.test('the range is the last 30 days unless it is named', async (t) => {
    const dayMs = 86_400_000
    const { dateFrom, dateTo } = (await shop.send('GET', snapshotUrl(''))).json<Snapshot>()
    t.equal(Date.parse(dateTo) - Date.parse(dateFrom), 29 * dayMs)
    t.ok(Date.now() - Date.parse(dateTo) < 2 * dayMs)
  })

  t.test('a time stands for its day in UTC', async (t) => {
    const days = await shop.send('GET', snapshotUrl('&dateFrom=2026-03-01&dateTo=2026-03-10'))
    for (const [from, to] of [
      ['2026-03-01T00:00:00.000Z', '2026-03-10T23:59:59.999Z'],
      ['2026-03-01T00:00:00Z', '2026-03-10'],
      ['2026-03-01T12:00:00', '2026-03-10T00:00:00'],
      ['2026-02-28T23:00:00-05:00', '2026-03-11T01:00:00+02:00'],
    ]) {
      const query = new URLSearchParams({ dateFrom: from ?? '', dateTo: to ?? '' })
      const times = await shop.send('GET', snapshotUrl(`&${query.toString()}`))
      t.equal(times.body, days.body, query.toString())
      t.equal(times.headers['x-cache'], 'HIT')
    }
  })

  t.test('a range without orders is zeros', async (t) => {
    const response = await shop.send('GET', snapshotUrl('&dateFrom=1990-01-01&dateTo=1990-01-01'))
    t.match(response.json(), {
      revenueCents: 0,
      orderCount: 0,
      averageOrderCents: 0,
      byDay: [],
      topProducts: [],
    })
  })

  t.test('products beyond price are figures as well', async (t) => {
    const most = 2_147_483_647
    const treasure = { name: 'Treasure', priceCents: most, stock: most }
    const ids: string[] = []
    for (const name of ['One', 'Two', 'Three']) {
      const added = await shop.ask('POST', '/products', { ...treasure, name })
      t.equal(added.statusCode, 201)
      ids.push(added.json<{ id: string }>().id)
      const { statusCode, body } = await shop.send('GET', snapshotUrl(''))
      t.equal(statusCode, 200, body)
    }
    const { inventory } = (await shop.send('GET', snapshotUrl(''))).json<Snapshot>()
    t.equal(inventory.stockValueCents, Number.MAX_SAFE_INTEGER)
    const sold = await shop.ask('POST', '/orders', { productId: ids[0], quantity: 10_000 })
    t.match(sold.json(), { totalCents: most * 10_000 })
    t.equal((await shop.send('GET', snapshotUrl(''))).statusCode, 200)
    for (const id of ids) t.equal((await shop.ask('DELETE', `/products/${id}`)).statusCode, 204)
  })

  t.test('a date that is none, or a range that ends before it begins, is 400', async (t) => {
    for (const query of [
      'dateFrom=soon',
      'dateTo=2026-02-30',
      'dateFrom=2026-03-02&dateTo=2026-03-01',
      'dateFrom=2026-02-30T00:00:00Z',
      'dateFrom=2026-03-01T25:00:00Z',
      'dateFrom=2026-03-01T23:59:60Z',
      'dateFrom=2026-03-01T00:00:00Z&dateFrom=2026-03-01',
      'dateTo=0001-01-01T00:00:00Z',
    ]) {
      const response = await shop.send('GET', snapshotUrl(`&${query}`))
      t.match(response.json(), { statusCode: 400, code: /^SHOP_/ }, query)
    }
  })
}

interface Sales {
  orderCount: number
  revenueCents: number
}

interface Snapshot extends Sales {
  dateFrom: string
  dateTo: string
  previous: Sales
  byStatus: { orderCount: number }[]
  byDay: (Sales & { date: string })[]
  byWeekday: Sales[]
  topProducts: object[]
  inventory: { productCount: number; stockValueCents: number }
}

function snapshotUrl(query: string): string {
  return `/api/vendor/analytics/snapshot?instance=00000000-0000-4000-8000-000000000002${query}`
}
