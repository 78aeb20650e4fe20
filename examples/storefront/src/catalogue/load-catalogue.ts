import type { Queryable } from './database.js'
import type { GeneratedCatalogue } from './generate.js'
import { indexStatements, schemaStatements } from './schema.js'

const ROWS_PER_INSERT = 5_000

/** Creates the tables and fills them. Run it in a transaction, so that nobody ever sees half a catalogue. */
export async function loadCatalogue(transaction: Queryable, catalogue: GeneratedCatalogue): Promise<void> {
  for (const statement of schemaStatements) await transaction.query(statement)
  await insertVendors(transaction, catalogue)
  await insertProducts(transaction, catalogue)
  await insertOrders(transaction, catalogue)
  for (const statement of indexStatements) await transaction.query(statement)
}

async function insertVendors(
  transaction: Queryable,
  { vendors, products, orders }: GeneratedCatalogue,
): Promise<void> {
  for (const { id, name, number } of vendors) {
    const productCount = products.filter((product) => product.vendorId === id).length
    const orderCount = orders.filter((order) => order.vendorId === id).length
    await transaction.query(
      `insert into storefront.vendors (id, name, number, last_product_number, last_order_number)
       values ($1, $2, $3, $4, $5)`,
      [id, name, number, productCount, orderCount],
    )
  }
}

async function insertProducts(transaction: Queryable, { products }: GeneratedCatalogue): Promise<void> {
  for (const slice of slices(products)) {
    await transaction.query(
      `insert into storefront.products (vendor_id, id, number, name, sku, price_cents, stock, updated_at)
       select * from unnest(
         $1::text[], $2::text[], $3::integer[], $4::text[], $5::text[], $6::integer[], $7::integer[], $8::timestamptz[]
       )`,
      [
        slice.map((product) => product.vendorId),
        slice.map((product) => product.id),
        slice.map((product) => product.number),
        slice.map((product) => product.name),
        slice.map((product) => product.sku),
        slice.map((product) => product.priceCents),
        slice.map((product) => product.stock),
        slice.map((product) => product.updatedAt),
      ],
    )
  }
}

async function insertOrders(transaction: Queryable, { orders }: GeneratedCatalogue): Promise<void> {
  for (const slice of slices(orders)) {
    await transaction.query(
      `insert into storefront.orders (vendor_id, id, product_id, quantity, total_cents, status, created_at)
       select * from unnest(
         $1::text[], $2::text[], $3::text[], $4::integer[], $5::bigint[], $6::text[], $7::timestamptz[]
       )`,
      [
        slice.map((order) => order.vendorId),
        slice.map((order) => order.id),
        slice.map((order) => order.productId),
        slice.map((order) => order.quantity),
        slice.map((order) => order.totalCents),
        slice.map((order) => order.status),
        slice.map((order) => order.createdAt),
      ],
    )
  }
}

function* slices<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let from = 0; from < items.length; from += ROWS_PER_INSERT)
    yield items.slice(from, from + ROWS_PER_INSERT)
}
