import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { CartEmptyError, IdempotencyKeyReusedError, StockShortError } from '../errors.js'
import { type Cart, type CartOwner, emptyCart, lockCart, readCart } from './carts.js'
import type { Database, Queryable } from './database.js'
import { integer, text } from './row.js'

/** What was bought: one order for each product of the cart. */
export interface Receipt {
  orders: Purchase[]
  totalCents: number
}

export interface Purchase {
  id: string
  productId: string
  quantity: number
  totalCents: number
}

const ReceiptShape = Type.Object({
  orders: Type.Array(
    Type.Object({
      id: Type.String(),
      productId: Type.String(),
      quantity: Type.Integer(),
      totalCents: Type.Integer(),
    }),
  ),
  totalCents: Type.Integer(),
})

/** For so long a purchase may be repeated by its key. */
const KEY_KEPT_DAYS = 7

/** Turns carts into orders. */
export class Checkout {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /**
   * Buys what is in the cart, once: the same key gives the same receipt again, whatever is in the cart by
   * then. All in one transaction, so that stock never falls below zero and a refusal changes nothing.
   *
   * Throws `SHOP_CART_EMPTY`, `SHOP_STOCK_SHORT`, and `SHOP_IDEMPOTENCY_KEY_REUSED` where the key is
   * another vendor's.
   */
  buy(owner: CartOwner, key: string): Promise<Receipt> {
    return this.#database.transaction(async (transaction) => {
      const earlier = await this.#claim(transaction, owner, key)
      if (earlier !== undefined) return earlier
      await lockCart(transaction, owner)
      const cart = await readCart(transaction, owner)
      if (cart.items.length === 0) throw new CartEmptyError()
      const receipt = await sell(transaction, owner.vendorId, cart)
      await emptyCart(transaction, owner)
      await transaction.query(
        'update storefront.checkouts set receipt = $3::text::jsonb where user_id = $1 and key = $2',
        [owner.userId, key, JSON.stringify(receipt)],
      )
      return receipt
    })
  }

  /** Takes the key, or answers what was bought with it. Waits for who is just buying with the same one. */
  async #claim(transaction: Queryable, owner: CartOwner, key: string): Promise<Receipt | undefined> {
    await transaction.query(
      'delete from storefront.checkouts where user_id = $1 and created_at < now() - make_interval(days => $2)',
      [owner.userId, KEY_KEPT_DAYS],
    )
    const claimed = await transaction.query(
      `insert into storefront.checkouts (user_id, key, vendor_id) values ($1, $2, $3)
       on conflict do nothing returning key`,
      [owner.userId, key, owner.vendorId],
    )
    if (claimed.length > 0) return undefined
    const [row] = await transaction.query(
      'select vendor_id, receipt from storefront.checkouts where user_id = $1 and key = $2',
      [owner.userId, key],
    )
    if (row === undefined || text(row, 'vendor_id') !== owner.vendorId) throw new IdempotencyKeyReusedError()
    return Value.Parse(ReceiptShape, row['receipt'])
  }
}

async function sell(transaction: Queryable, vendorId: string, { items }: Cart): Promise<Receipt> {
  // Locked in one order, or two buyers of the same products could wait for each other.
  const rows = await transaction.query(
    `select id, price_cents, stock from storefront.products
     where vendor_id = $1 and id = any($2::text[]) order by id for update`,
    [vendorId, items.map(({ productId }) => productId)],
  )
  const products = new Map(
    rows.map((row) => [
      text(row, 'id'),
      { priceCents: integer(row, 'price_cents'), stock: integer(row, 'stock') },
    ]),
  )
  const sales = items.map(({ productId, quantity }) => {
    const { priceCents = 0, stock = 0 } = products.get(productId) ?? {}
    return { productId, quantity, stock, totalCents: priceCents * quantity }
  })
  const short = sales.filter(({ quantity, stock }) => quantity > stock)
  if (short.length > 0) {
    throw new StockShortError(short.map(({ productId, stock }) => `${productId} (${stock} left)`).join(', '))
  }
  await transaction.query(
    `update storefront.products product set stock = product.stock - sale.quantity, updated_at = now()
     from unnest($2::text[], $3::integer[]) as sale (product_id, quantity)
     where product.vendor_id = $1 and product.id = sale.product_id`,
    [vendorId, sales.map(({ productId }) => productId), sales.map(({ quantity }) => quantity)],
  )
  const orders = await record(transaction, vendorId, sales)
  return { orders, totalCents: orders.reduce((sum, { totalCents }) => sum + totalCents, 0) }
}

async function record(
  transaction: Queryable,
  vendorId: string,
  sales: readonly { productId: string; quantity: number; totalCents: number }[],
): Promise<Purchase[]> {
  const rows = await transaction.query(
    `with vendor as (
       update storefront.vendors set last_order_number = last_order_number + $2::integer
       where id = $1
       returning id, number, last_order_number - $2::integer as last
     )
     insert into storefront.orders (vendor_id, id, product_id, quantity, total_cents, status, created_at)
     select vendor.id, 'o-' || vendor.number || '-' || (vendor.last + sale.position), sale.product_id,
            sale.quantity, sale.total_cents, 'pending', now()
     from vendor cross join unnest($3::text[], $4::integer[], $5::bigint[])
       with ordinality as sale (product_id, quantity, total_cents, position)
     returning id, product_id, quantity, total_cents`,
    [
      vendorId,
      sales.length,
      sales.map(({ productId }) => productId),
      sales.map(({ quantity }) => quantity),
      sales.map(({ totalCents }) => totalCents),
    ],
  )
  return rows.map((row) => ({
    id: text(row, 'id'),
    productId: text(row, 'product_id'),
    quantity: integer(row, 'quantity'),
    totalCents: integer(row, 'total_cents'),
  }))
}
