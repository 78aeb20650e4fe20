import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { DuplicateItemError, ProductNotFoundError } from '../errors.js'
import { decodeCursor, encodeCursor } from './cursor.js'
import type { Database, Queryable, Row } from './database.js'
import { containsPattern, type Page, pageOf, type PageRequest } from './page.js'
import { integer, text, timestamp } from './row.js'

export interface Product {
  id: string
  name: string
  sku: string
  priceCents: number
  stock: number
  updatedAt: string
}

export interface NewProduct {
  name: string
  priceCents: number
  sku?: string | undefined
  stock?: number | undefined
}

export interface ProductChange {
  name?: string | undefined
  sku?: string | undefined
  priceCents?: number | undefined
  stock?: number | undefined
}

export interface IdentifiedChange extends ProductChange {
  id: string
}

export interface StockLevel {
  productId: string
  sku: string
  stock: number
}

const COLUMNS =
  'product.id, product.number, product.name, product.sku, product.price_cents, product.stock, product.updated_at'

const Position = Type.Tuple([Type.Integer({ minimum: 0, maximum: 2_147_483_647 })])

/** The products of the vendors. Every method takes the vendor first and sees nobody else's products. */
export class Products {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /**
   * A page in the order in which the products were added, of those with one of these ids where any are
   * named. Throws `SHOP_CURSOR_INVALID`.
   */
  async list(
    vendorId: string,
    { limit, cursor, search, ids }: PageRequest & { ids?: readonly string[] | undefined },
  ): Promise<Page<Product>> {
    const [after] = cursor === undefined ? [0] : decodeCursor(cursor, isPosition)
    const rows = await this.#database.query(
      `select ${COLUMNS} from storefront.products product
       where vendor_id = $1 and number > $2
         and ($3::text is null or name ilike $3 escape '\\' or sku ilike $3 escape '\\')
         and ($4::text[] is null or id = any($4::text[]))
       order by number
       limit $5`,
      [vendorId, after, containsPattern(search), ids ?? null, limit + 1],
    )
    const page = pageOf([...rows], limit, (last) => encodeCursor([integer(last, 'number')]))
    return { items: page.items.map(toProduct), nextCursor: page.nextCursor }
  }

  /** Adds a product under the vendor's next id; two that are added at once get two ids. */
  async add(vendorId: string, { name, priceCents, sku, stock = 0 }: NewProduct): Promise<Product> {
    const rows = await this.#database.query(
      `with vendor as (
         update storefront.vendors set last_product_number = last_product_number + 1
         where id = $1
         returning id, number, last_product_number as next
       )
       insert into storefront.products as product
         (vendor_id, id, number, name, sku, price_cents, stock, updated_at)
       select id, 'p-' || number || '-' || next, next, $2::text,
              coalesce($3::text, 'SKU-' || number || '-' || next), $4::integer, $5::integer, now()
       from vendor
       returning ${COLUMNS}`,
      [vendorId, name, sku ?? null, priceCents, stock],
    )
    return only(rows, vendorId)
  }

  /** Changes the named fields and answers the whole product. Throws `SHOP_PRODUCT_NOT_FOUND`. */
  async change(vendorId: string, id: string, change: ProductChange): Promise<Product> {
    const [product] = await applyChanges(this.#database, vendorId, [{ ...change, id }])
    if (product === undefined) throw new ProductNotFoundError(id)
    return product
  }

  /**
   * Changes several products, all or none, and answers them in the order of `changes`.
   * Throws `SHOP_PRODUCT_NOT_FOUND` and `SHOP_DUPLICATE_ITEM`.
   */
  async changeAll(vendorId: string, changes: readonly IdentifiedChange[]): Promise<Product[]> {
    const ids = changes.map(({ id }) => id)
    const twice = ids.find((id, index) => ids.indexOf(id) !== index)
    if (twice !== undefined) throw new DuplicateItemError(twice)
    return this.#database.transaction(async (transaction) => {
      // Locked in one order, or two overlapping changes could wait for each other.
      const known = await transaction.query(
        `select id from storefront.products where vendor_id = $1 and id = any($2::text[]) order by id for update`,
        [vendorId, ids],
      )
      const knownIds = new Set(known.map((row) => text(row, 'id')))
      const unknown = ids.filter((id) => !knownIds.has(id))
      if (unknown.length > 0) throw new ProductNotFoundError(unknown.join(', '))
      const changed = await applyChanges(transaction, vendorId, changes)
      const byId = new Map(changed.map((product) => [product.id, product]))
      return ids.map((id) => byId.get(id)).filter((product) => product !== undefined)
    })
  }

  /** Removes a product; its orders stay. Throws `SHOP_PRODUCT_NOT_FOUND`. */
  async remove(vendorId: string, id: string): Promise<void> {
    const rows = await this.#database.query(
      `delete from storefront.products where vendor_id = $1 and id = $2 returning id`,
      [vendorId, id],
    )
    if (rows.length === 0) throw new ProductNotFoundError(id)
  }

  /** What is in stock, of every product. */
  async stock(vendorId: string): Promise<StockLevel[]> {
    const rows = await this.#database.query(
      `select id, sku, stock from storefront.products where vendor_id = $1 order by number`,
      [vendorId],
    )
    return rows.map((row) => ({
      productId: text(row, 'id'),
      sku: text(row, 'sku'),
      stock: integer(row, 'stock'),
    }))
  }
}

/** One statement for any number of products; answers those that exist, in no particular order. */
async function applyChanges(
  database: Queryable,
  vendorId: string,
  changes: readonly IdentifiedChange[],
): Promise<Product[]> {
  const rows = await database.query(
    `update storefront.products product
     set name = coalesce(change.name, product.name),
         sku = coalesce(change.sku, product.sku),
         price_cents = coalesce(change."priceCents", product.price_cents),
         stock = coalesce(change.stock, product.stock),
         updated_at = now()
     from jsonb_to_recordset($2::text::jsonb)
       as change (id text, name text, sku text, "priceCents" integer, stock integer)
     where product.vendor_id = $1 and product.id = change.id
     returning ${COLUMNS}`,
    [vendorId, JSON.stringify(changes)],
  )
  return rows.map(toProduct)
}

function isPosition(value: unknown): value is [number] {
  return Value.Check(Position, value)
}

function toProduct(row: Row): Product {
  return {
    id: text(row, 'id'),
    name: text(row, 'name'),
    sku: text(row, 'sku'),
    priceCents: integer(row, 'price_cents'),
    stock: integer(row, 'stock'),
    updatedAt: timestamp(row, 'updated_at'),
  }
}

function only(rows: readonly Row[], vendorId: string): Product {
  const [row] = rows
  if (row === undefined) throw new RangeError(`the catalogue has no vendor ${vendorId}`)
  return toProduct(row)
}
