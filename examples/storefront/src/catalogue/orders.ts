import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { OrderNotFoundError, ProductNotFoundError } from '../errors.js'
import { decodeCursor, encodeCursor } from './cursor.js'
import type { Database, Row } from './database.js'
import type { OrderStatus } from './order-status.js'
import { containsPattern, type Page, pageOf, type PageRequest } from './page.js'
import { integer, text, timestamp } from './row.js'

export interface Order {
  id: string
  productId: string
  quantity: number
  totalCents: number
  status: string
  createdAt: string
}

const COLUMNS = 'id, product_id, quantity, total_cents, status, created_at'

const Position = Type.Tuple([
  Type.String({ pattern: String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, format: 'date-time' }),
  Type.String({ maxLength: 200, pattern: '^[^\\u0000]*$' }),
])

/** The orders of the vendors. Every method takes the vendor first and sees nobody else's orders. */
export class Orders {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** A page, newest first; `search` looks at the ids of orders and products. Throws `SHOP_CURSOR_INVALID`. */
  async list(vendorId: string, { limit, cursor, search }: PageRequest): Promise<Page<Order>> {
    const [createdAt, id] = cursor === undefined ? [null, null] : decodeCursor(cursor, isPosition)
    const rows = await this.#database.query(
      `select ${COLUMNS} from storefront.orders
       where vendor_id = $1
         and ($2::timestamptz is null or (created_at, id) < ($2::timestamptz, $3::text))
         and ($4::text is null or id ilike $4 escape '\\' or product_id ilike $4 escape '\\')
       order by created_at desc, id desc
       limit $5`,
      [vendorId, createdAt, id, containsPattern(search), limit + 1],
    )
    return pageOf(rows.map(toOrder), limit, (last) => encodeCursor([last.createdAt, last.id]))
  }

  /**
   * Records a sale at the product's price and takes it from stock. The sale has happened, so it is never
   * refused for want of stock: stock ends at zero then. Throws `SHOP_PRODUCT_NOT_FOUND`.
   */
  async add(
    vendorId: string,
    { productId, quantity }: { productId: string; quantity: number },
  ): Promise<Order> {
    const [row] = await this.#database.query(
      `with product as (
         update storefront.products set stock = greatest(stock - $3::integer, 0), updated_at = now()
         where vendor_id = $1 and id = $2
         returning id, price_cents
       ), vendor as (
         update storefront.vendors set last_order_number = last_order_number + 1
         where id = $1 and exists (select from product)
         returning id, number, last_order_number as next
       )
       insert into storefront.orders (vendor_id, ${COLUMNS})
       select vendor.id, 'o-' || vendor.number || '-' || vendor.next, product.id, $3::integer,
              product.price_cents::bigint * $3::integer, 'pending', now()
       from vendor cross join product
       returning ${COLUMNS}`,
      [vendorId, productId, quantity],
    )
    if (row === undefined) throw new ProductNotFoundError(productId)
    return toOrder(row)
  }

  /** Throws `SHOP_ORDER_NOT_FOUND`. */
  async setStatus(vendorId: string, id: string, status: OrderStatus): Promise<Order> {
    const [row] = await this.#database.query(
      `update storefront.orders set status = $3 where vendor_id = $1 and id = $2 returning ${COLUMNS}`,
      [vendorId, id, status],
    )
    if (row === undefined) throw new OrderNotFoundError(id)
    return toOrder(row)
  }
}

function isPosition(value: unknown): value is [createdAt: string, id: string] {
  return Value.Check(Position, value)
}

function toOrder(row: Row): Order {
  return {
    id: text(row, 'id'),
    productId: text(row, 'product_id'),
    quantity: integer(row, 'quantity'),
    totalCents: integer(row, 'total_cents'),
    status: text(row, 'status'),
    createdAt: timestamp(row, 'created_at'),
  }
}
