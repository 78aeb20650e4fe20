import { type Test } from 'tap'
import { type Product } from '../../dist/dashboard/browser/api-types.js'
import { type StorefrontClient } from '../storefront-client.js'

/** What `/api/:instanceId/products` and `/inventory` promise, whichever Postgres is behind them. */
export function productsContract(t: Test, shop: StorefrontClient, neighbour: StorefrontClient): void {
  t.test('products come 50 at a time as a bare array, and the cursor is absent at the end', async (t) => {
    const first = await shop.ask('GET', '/products')
    t.equal(first.statusCode, 200)
    const products = first.json<Product[]>()
    t.equal(products.length, 50)
    t.match(products[0], {
      id: 'p-1-1',
      name: String,
      sku: String,
      priceCents: Number,
      stock: Number,
      updatedAt: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/,
    })
    t.type(first.headers['x-next-cursor'], 'string')
    const few = await shop.ask('GET', '/products?search=no-such-product')
    t.same(few.json(), [])
    t.notOk('x-next-cursor' in few.headers)
  })

  t.test('paging to the end yields each product once', async (t) => {
    const items = await shop.products({ limit: '170' })
    t.equal(items.length, 1_000)
    t.equal(new Set(items.map(({ id }) => id)).size, 1_000)
    t.ok(items.every(({ id }) => id.startsWith('p-1-')))
  })

  t.test('a product that is added or removed meanwhile shifts no page', async (t) => {
    const first = await shop.ask('GET', '/products?limit=3')
    const [a, b, c] = first.json<Product[]>()
    t.same([a?.id, b?.id, c?.id], ['p-1-1', 'p-1-2', 'p-1-3'])
    const removed = await shop.ask('DELETE', '/products/p-1-2')
    t.equal(removed.statusCode, 204)
    t.equal(removed.body, '')
    const next = await shop.ask('GET', `/products?limit=1&cursor=${String(first.headers['x-next-cursor'])}`)
    t.equal(next.json<Product[]>()[0]?.id, 'p-1-4')
  })

  t.test('a limit or cursor that is none is 400', async (t) => {
    const elsewhere = await shop.ask('GET', '/orders?limit=1')
    const foreign = String(elsewhere.headers['x-next-cursor'])
    for (const query of [
      'limit=0',
      'limit=201',
      'limit=ten',
      'limit=1.5',
      'limit=true',
      'limit=Infinity',
      'limit=-Infinity',
      'limit=1e400',
      'limit=',
      'limit=1&limit=2',
      'cursor=x',
      'cursor=',
      `cursor=${foreign}`,
    ]) {
      const response = await shop.ask('GET', `/products?${query}`)
      t.match(response, { statusCode: 400 }, query)
      t.match(response.json(), { statusCode: 400, error: 'Bad Request', code: /^SHOP_/, message: String })
    }
  })

  t.test('search finds part of a name or SKU in any case, and takes wildcards for themselves', async (t) => {
    const named = await shop.ask('POST', '/products', {
      name: '100% Wool_Rug \\ blue',
      sku: 'RUG_1',
      priceCents: 900,
    })
    const { id } = named.json<Product>()
    for (const search of ['100%', 'wool_rug', '\\', 'rug_1', '% wool']) {
      const items = await shop.products({ search })
      t.same(
        items.map((item) => item.id),
        [id],
        search,
      )
    }
    t.same(await shop.products({ search: "'; drop table storefront.products; --" }), [])
    t.equal((await shop.products({ search: '' })).length >= 1_000, true)
    t.equal((await shop.ask('GET', '/products?search=%00')).statusCode, 400)
    await shop.ask('DELETE', `/products/${id}`)
  })

  t.test('a product is added under the next id of its vendor', async (t) => {
    const response = await shop.ask('POST', '/products', {
      name: 'Lamp',
      sku: 'L-1',
      priceCents: 4_999,
      stock: 3,
    })
    t.equal(response.statusCode, 201)
    const product = response.json<Product>()
    t.match(product, { id: /^p-1-\d+$/, name: 'Lamp', sku: 'L-1', priceCents: 4_999, stock: 3 })
    const plain = await shop.ask('POST', '/products', { name: 'Plain', priceCents: 0 })
    t.match(plain.json(), { stock: 0, sku: /./ }, 'stock and SKU have defaults')
  })

  t.test('products that are added at once get an id each', async (t) => {
    const added = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        shop.ask('POST', '/products', { name: `Copy ${index}`, sku: 'same', priceCents: 100 }),
      ),
    )
    t.ok(added.every(({ statusCode }) => statusCode === 201))
    t.equal(new Set(added.map((response) => response.json<Product>().id)).size, 20)
  })

  t.test('a product that is invalid is 400 and adds nothing', async (t) => {
    const before = (await shop.products()).length
    const valid = { name: 'Chair', sku: 'C-1', priceCents: 100, stock: 1 }
    const invalid: object[] = [
      {},
      { ...valid, name: undefined },
      { ...valid, name: '' },
      { ...valid, name: '  ' },
      { ...valid, name: 'NUL \u0000' },
      { ...valid, name: 7 },
      { ...valid, priceCents: -1 },
      { ...valid, priceCents: 1.5 },
      { ...valid, priceCents: '100' },
      { ...valid, priceCents: null },
      { ...valid, priceCents: 2 ** 31 },
      { ...valid, stock: -1 },
      { ...valid, pricecents: 100 },
      [valid],
    ]
    for (const body of invalid) {
      const response = await shop.ask('POST', '/products', body)
      t.equal(response.statusCode, 400, JSON.stringify(body))
      t.equal(response.json<{ code: string }>().code, 'SHOP_VALIDATION_FAILED')
    }
    t.equal((await shop.products()).length, before)
  })

  t.test('PUT changes what it names, answers the whole product, and takes a whole one back', async (t) => {
    const [before] = (await shop.ask('GET', '/products?search=HP-0010')).json<Product[]>()
    const response = await shop.ask('PUT', '/products/p-1-10', { priceCents: 1_234 })
    t.equal(response.statusCode, 200)
    const after = response.json<Product>()
    t.same({ ...after, updatedAt: '' }, { ...before, priceCents: 1_234, updatedAt: '' })
    t.ok(Date.now() - Date.parse(after.updatedAt) < 60_000)
    const whole = await shop.ask('PUT', '/products/p-1-10', { ...after, id: 'p-1-11', name: 'Renamed' })
    t.match(whole.json(), { id: 'p-1-10', name: 'Renamed', priceCents: 1_234 })
  })

  t.test('PUT of nothing, of an invalid value or of an unknown field is 400', async (t) => {
    for (const body of [{}, { stock: -1 }, { priceCents: 'free' }, { colour: 'red' }]) {
      t.equal((await shop.ask('PUT', '/products/p-1-10', body)).statusCode, 400, JSON.stringify(body))
    }
  })

  t.test('an unknown product is 404, and so is that of another vendor', async (t) => {
    for (const id of ['p-1-999999', 'p-2-1', 'x', '%25']) {
      for (const method of ['PUT', 'DELETE'] as const) {
        const response = await shop.ask(
          method,
          `/products/${id}`,
          method === 'PUT' ? { stock: 1 } : undefined,
        )
        t.equal(response.statusCode, 404, `${method} ${id}`)
        t.match(response.json(), { code: 'SHOP_PRODUCT_NOT_FOUND', error: 'Not Found' })
      }
    }
    t.equal((await neighbour.ask('GET', '/products?limit=1')).json<Product[]>()[0]?.id, 'p-2-1')
  })

  t.test('a bulk change answers the products in the order they were named', async (t) => {
    const response = await shop.ask('PATCH', '/products/bulk', {
      items: [
        { id: 'p-1-22', stock: 7 },
        { id: 'p-1-21', name: 'Bulk', priceCents: 5 },
      ],
    })
    t.equal(response.statusCode, 200)
    t.match(response.json(), [
      { id: 'p-1-22', stock: 7 },
      { id: 'p-1-21', name: 'Bulk', priceCents: 5 },
    ])
  })

  t.test('a bulk change is all or nothing', async (t) => {
    const stock = async (): Promise<unknown> => (await shop.ask('GET', '/products?limit=30')).json()
    const before = await stock()
    const good = { id: 'p-1-5', stock: 999 }
    const refused: [items: object[], statusCode: number][] = [
      [[good, { id: 'p-1-999999', stock: 1 }], 404],
      [[good, { id: 'p-2-1', stock: 1 }], 404],
      [[good, { id: 'p-1-6', stock: -1 }], 400],
      [[good, { id: 'p-1-6' }], 400],
      [[good, { stock: 1 }], 400],
      [[good, good], 400],
      [[], 400],
    ]
    for (const [items, statusCode] of refused) {
      const response = await shop.ask('PATCH', '/products/bulk', { items })
      t.equal(response.statusCode, statusCode, JSON.stringify(items))
    }
    t.same(await stock(), before)
  })

  t.test('bulk changes that overlap in opposite orders both come through', async (t) => {
    const ids = Array.from({ length: 20 }, (_, index) => `p-1-${100 + index}`)
    const change = (order: string[], stock: number): object => ({ items: order.map((id) => ({ id, stock })) })
    const responses = await Promise.all(
      Array.from({ length: 6 }, (_, round) =>
        shop.ask('PATCH', '/products/bulk', change(round % 2 === 0 ? ids : ids.toReversed(), round)),
      ),
    )
    t.same(
      responses.map(({ statusCode }) => statusCode),
      [200, 200, 200, 200, 200, 200],
    )
  })

  t.test('the inventory names every product with its SKU and stock', async (t) => {
    const items = await shop.products()
    const response = await shop.ask('GET', '/inventory')
    t.equal(response.statusCode, 200)
    t.same(
      response.json(),
      items.map(({ id, sku, stock }) => ({ productId: id, sku, stock })),
    )
  })
}
