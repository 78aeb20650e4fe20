import { createHash } from 'node:crypto'
import t from 'tap'
import { generateCatalogue } from '../dist/catalogue/generate.js'

const catalogue = generateCatalogue()

t.test('there are 3 vendors with 1,000 products each and 50,000 orders, each under an id of its own', (t) => {
  t.same(
    catalogue.vendors.map(({ id }) => id),
    ['vendor-1', 'vendor-2', 'vendor-3'],
  )
  for (const { id, number } of catalogue.vendors) {
    const own = catalogue.products.filter(({ vendorId }) => vendorId === id)
    t.equal(own.length, 1_000)
    t.equal(own[0]?.id, `p-${number}-1`)
    t.equal(own.at(-1)?.id, `p-${number}-1000`)
    t.equal(new Set(own.map(({ name }) => name)).size, 1_000, 'no name comes twice')
  }
  t.equal(catalogue.orders.length, 50_000)
  t.equal(new Set(catalogue.orders.map(({ id }) => id)).size, 50_000)
  t.end()
})

t.test('every order is of a product of its vendor, at its price, in the two years before 2026-11-01', (t) => {
  const products = new Map(catalogue.products.map((product) => [product.id, product]))
  const odd = catalogue.orders.filter((order) => {
    const product = products.get(order.productId)
    return (
      product?.vendorId !== order.vendorId ||
      order.totalCents !== order.quantity * product.priceCents ||
      order.createdAt < '2024-11-01T00:00:00.000Z' ||
      order.createdAt >= '2026-11-01T00:00:00.000Z'
    )
  })
  t.same(odd, [])
  t.end()
})

t.test('the catalogue is the same each time, and in each release until its generator is changed', (t) => {
  const hash = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex')
  t.equal(hash(generateCatalogue()), hash(catalogue))
  t.equal(hash(catalogue), 'd152fbcbbbd77e29b753fd2b31cfe376be3610cd6f459f85255aa617215d18c0')
  t.end()
})
