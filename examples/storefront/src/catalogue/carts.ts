import { ProductNotFoundError } from '../errors.js'
import type { Database, Queryable } from './database.js'
import { integer, text } from './row.js'

export interface CartItem {
  productId: string
  quantity: number
}

/** What a user is about to buy of a vendor. */
export interface Cart {
  items: CartItem[]
}

/** Whose cart: one for each user and vendor. */
export interface CartOwner {
  vendorId: string
  userId: string
}

/** The carts of the users. A product that is removed leaves the carts it is in. */
export class Carts {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  read(owner: CartOwner): Promise<Cart> {
    return readCart(this.#database, owner)
  }

  /** Puts these items in place of what is in the cart. Throws `SHOP_PRODUCT_NOT_FOUND`. */
  replace(owner: CartOwner, items: readonly CartItem[]): Promise<Cart> {
    return this.#database.transaction(async (transaction) => {
      await lockCart(transaction, owner)
      // Held, so that none of them is removed before it is in the cart.
      const known = await transaction.query(
        `select id from storefront.products
         where vendor_id = $1 and id = any($2::text[]) order by id for key share`,
        [owner.vendorId, items.map(({ productId }) => productId)],
      )
      const knownIds = new Set(known.map((row) => text(row, 'id')))
      const unknown = items.filter(({ productId }) => !knownIds.has(productId))
      if (unknown.length > 0) {
        throw new ProductNotFoundError(unknown.map(({ productId }) => productId).join(', '))
      }
      await emptyCart(transaction, owner)
      await transaction.query(
        `insert into storefront.cart_items (vendor_id, user_id, product_id, quantity, position)
         select $1, $2, product_id, quantity, position
         from unnest($3::text[], $4::integer[]) with ordinality as item (product_id, quantity, position)`,
        [
          owner.vendorId,
          owner.userId,
          items.map(({ productId }) => productId),
          items.map(({ quantity }) => quantity),
        ],
      )
      return { items: items.map(({ productId, quantity }) => ({ productId, quantity })) }
    })
  }
}

/**
 * Until the transaction ends nobody else changes or buys this cart: of two at once both would stay, or a
 * purchase would find it empty. The rows cannot be locked instead, as an empty cart has none.
 */
export async function lockCart(transaction: Queryable, { vendorId, userId }: CartOwner): Promise<void> {
  await transaction.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [
    JSON.stringify(['cart', vendorId, userId]),
  ])
}

/** What is in the cart, in the order in which it was put there. */
export async function readCart(database: Queryable, { vendorId, userId }: CartOwner): Promise<Cart> {
  const rows = await database.query(
    `select item.product_id, item.quantity
     from storefront.cart_items item
     join storefront.products product on product.vendor_id = item.vendor_id and product.id = item.product_id
     where item.vendor_id = $1 and item.user_id = $2
     order by item.position`,
    [vendorId, userId],
  )
  return {
    items: rows.map((row) => ({ productId: text(row, 'product_id'), quantity: integer(row, 'quantity') })),
  }
}

export async function emptyCart(database: Queryable, { vendorId, userId }: CartOwner): Promise<void> {
  await database.query('delete from storefront.cart_items where vendor_id = $1 and user_id = $2', [
    vendorId,
    userId,
  ])
}
