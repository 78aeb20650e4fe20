import { type Test } from 'tap'
import { Carts } from '../../dist/catalogue/carts.js'
import { Checkout, type Receipt } from '../../dist/catalogue/checkout.js'
import { type Database } from '../../dist/catalogue/database.js'
import { Orders } from '../../dist/catalogue/orders.js'
import { Products } from '../../dist/catalogue/products.js'

/** What carts and purchases promise, whichever Postgres is behind them. */
export function checkoutContract(t: Test, database: Database): void {
  const [carts, checkout] = [new Carts(database), new Checkout(database)]
  const [products, orders] = [new Products(database), new Orders(database)]
  const owner = (userId: string, vendorId = 'vendor-3'): { vendorId: string; userId: string } => ({
    vendorId,
    userId,
  })
  const stockOf = async (id: string): Promise<number | undefined> =>
    (await products.stock('vendor-3')).find(({ productId }) => productId === id)?.stock

  t.test('a cart holds what was put there last, in that order, and is its user’s alone', async (t) => {
    t.strictSame(await carts.read(owner('ann')), { items: [] })
    await carts.replace(owner('ann'), [{ productId: 'p-3-1', quantity: 1 }])
    const items = [
      { productId: 'p-3-9', quantity: 2 },
      { productId: 'p-3-2', quantity: 1 },
    ]
    t.strictSame(await carts.replace(owner('ann'), items), { items })
    t.strictSame(await carts.read(owner('ann')), { items })
    t.strictSame(await carts.read(owner('bob')), { items: [] })
    t.strictSame(await carts.read(owner('ann', 'vendor-1')), { items: [] })
    await carts.replace(owner('ann'), [])
    t.strictSame(await carts.read(owner('ann')), { items: [] })
  })

  t.test('of carts that are put at once one stays, whole', async (t) => {
    const offered = Array.from({ length: 12 }, (_, index) => [
      { productId: 'p-3-30', quantity: index + 1 },
      { productId: `p-3-${31 + index}`, quantity: 1 },
    ])
    for (const before of [[], [{ productId: 'p-3-29', quantity: 1 }]]) {
      await carts.replace(owner('eve'), before)
      await Promise.all(
        offered.map((items, index) =>
          carts.replace(owner('eve'), index % 2 === 0 ? items : [...items].reverse()),
        ),
      )
      const { items } = await carts.read(owner('eve'))
      t.equal(items.length, 2)
      const quantity = items.find(({ productId }) => productId === 'p-3-30')?.quantity
      t.ok(items.some(({ productId }) => productId === `p-3-${30 + Number(quantity)}`))
    }
  })

  t.test('a cart that is put while the user buys is bought or stays', async (t) => {
    await products.change('vendor-3', 'p-3-45', { stock: 100 })
    const items = [{ productId: 'p-3-45', quantity: 1 }]
    for (let round = 0; round < 10; round += 1) {
      await carts.replace(owner('fay'), items)
      const [, bought] = await Promise.all([
        carts.replace(owner('fay'), items),
        checkout.buy(owner('fay'), `round ${round}`),
      ])
      t.match(bought.orders, [{ productId: 'p-3-45', quantity: 1 }])
    }
  })

  t.test('a product that is removed while it is put into a cart is refused, or leaves it', async (t) => {
    for (let round = 0; round < 10; round += 1) {
      const { id } = await products.add('vendor-3', { name: 'Brief', priceCents: 1 })
      const items = [{ productId: id, quantity: 1 }]
      const outcomes = await Promise.allSettled([
        products.remove('vendor-3', id),
        ...['gil', 'hal', 'ida'].map((user) => carts.replace(owner(user), items)),
      ])
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') t.match(outcome.reason, { code: 'SHOP_PRODUCT_NOT_FOUND' })
      }
      for (const user of ['gil', 'hal', 'ida']) t.strictSame(await carts.read(owner(user)), { items: [] })
    }
  })

  t.test('a product that is not the vendor’s cannot be put into a cart, and the cart stays', async (t) => {
    const items = [{ productId: 'p-3-1', quantity: 1 }]
    await carts.replace(owner('ann'), items)
    await t.rejects(carts.replace(owner('ann'), [{ productId: 'p-1-1', quantity: 1 }]), {
      code: 'SHOP_PRODUCT_NOT_FOUND',
    })
    t.strictSame(await carts.read(owner('ann')), { items })
  })

  t.test('a purchase takes from stock, makes an order of each product and empties the cart', async (t) => {
    await products.changeAll('vendor-3', [
      { id: 'p-3-11', priceCents: 250, stock: 5 },
      { id: 'p-3-12', priceCents: 1_000, stock: 1 },
    ])
    await carts.replace(owner('ann'), [
      { productId: 'p-3-12', quantity: 1 },
      { productId: 'p-3-11', quantity: 2 },
    ])
    const receipt = await checkout.buy(owner('ann'), 'first')
    t.match(receipt, {
      totalCents: 1_500,
      orders: [
        { productId: 'p-3-12', quantity: 1, totalCents: 1_000 },
        { productId: 'p-3-11', quantity: 2, totalCents: 500 },
      ],
    })
    t.equal(await stockOf('p-3-11'), 3)
    t.equal(await stockOf('p-3-12'), 0)
    t.strictSame(await carts.read(owner('ann')), { items: [] })
    const listed = await orders.list('vendor-3', { limit: 2 })
    t.strictSame(new Set(listed.items.map(({ id }) => id)), new Set(receipt.orders.map(({ id }) => id)))
  })

  t.test('the same key buys once, however often and at the same time it is sent', async (t) => {
    await products.change('vendor-3', 'p-3-13', { stock: 9 })
    await carts.replace(owner('ann'), [{ productId: 'p-3-13', quantity: 2 }])
    const receipts = await Promise.all(Array.from({ length: 5 }, () => checkout.buy(owner('ann'), 'same')))
    t.equal(new Set(receipts.map((receipt) => JSON.stringify(sorted(receipt)))).size, 1)
    await carts.replace(owner('ann'), [{ productId: 'p-3-13', quantity: 1 }])
    t.strictSame(sorted(await checkout.buy(owner('ann'), 'same')), sorted(receipts[0]))
    t.equal(await stockOf('p-3-13'), 7)
    await t.rejects(checkout.buy(owner('ann', 'vendor-1'), 'same'), { code: 'SHOP_IDEMPOTENCY_KEY_REUSED' })
  })

  t.test('a refusal changes nothing, and its key can be used again', async (t) => {
    await products.changeAll('vendor-3', [
      { id: 'p-3-14', stock: 5 },
      { id: 'p-3-15', stock: 1 },
    ])
    const items = [
      { productId: 'p-3-14', quantity: 1 },
      { productId: 'p-3-15', quantity: 2 },
    ]
    await carts.replace(owner('ann'), items)
    await t.rejects(checkout.buy(owner('ann'), 'again'), {
      code: 'SHOP_STOCK_SHORT',
      message: /p-3-15 \(1 left\)/,
    })
    t.equal(await stockOf('p-3-14'), 5)
    t.strictSame(await carts.read(owner('ann')), { items })
    await products.change('vendor-3', 'p-3-15', { stock: 2 })
    t.match(await checkout.buy(owner('ann'), 'again'), { orders: [{ productId: 'p-3-14' }, {}] })
    await t.rejects(checkout.buy(owner('ann'), 'third'), { code: 'SHOP_CART_EMPTY' })
  })

  t.test('many buyers at once: as many as there are in stock, and stock ends at zero', async (t) => {
    await products.change('vendor-3', 'p-3-16', { stock: 4 })
    const buyers = Array.from({ length: 12 }, (_, index) => owner(`buyer-${index}`))
    for (const buyer of buyers) await carts.replace(buyer, [{ productId: 'p-3-16', quantity: 1 }])
    const results = await Promise.allSettled(buyers.map((buyer) => checkout.buy(buyer, 'now')))
    t.equal(results.filter(({ status }) => status === 'fulfilled').length, 4)
    for (const result of results) {
      if (result.status === 'rejected') t.match(result.reason, { code: 'SHOP_STOCK_SHORT' })
    }
    t.equal(await stockOf('p-3-16'), 0)
  })

  t.test('a product that is removed leaves the carts', async (t) => {
    const { id } = await products.add('vendor-3', { name: 'Short-lived', priceCents: 1, stock: 1 })
    await carts.replace(owner('ann'), [{ productId: id, quantity: 1 }])
    await products.remove('vendor-3', id)
    t.strictSame(await carts.read(owner('ann')), { items: [] })
  })
}

/** jsonb keeps no order of fields. */
function sorted(receipt: Receipt | undefined): unknown {
  return receipt?.orders
    .map(({ id, productId, quantity, totalCents }) => [id, productId, quantity, totalCents])
    .toSorted()
}
