import type { Database, Row } from './database.js'
import { integer, text } from './row.js'
import { sumOf } from './sum-of.js'

/** Days as ISO dates in UTC, both included. */
export interface DateRange {
  dateFrom: string
  dateTo: string
}

export interface AnalyticsSnapshot extends DateRange {
  vendorId: string
  /** What was earned: orders that were cancelled or refunded count nothing. */
  revenueCents: number
  /** Orders placed, whatever became of them. */
  orderCount: number
  unitsSold: number
  averageOrderCents: number
  /** The same number of days before `dateFrom`. */
  previous: { revenueCents: number; orderCount: number }
  byStatus: { status: string; orderCount: number; totalCents: number }[]
  /** The days that had orders, in order. */
  byDay: { date: string; orderCount: number; revenueCents: number }[]
  /** 1 is Monday, 7 is Sunday. */
  byWeekday: { weekday: number; orderCount: number; revenueCents: number }[]
  /** The ten products that earned most; `name` is null where the product was removed since. */
  topProducts: { productId: string; name: string | null; unitsSold: number; revenueCents: number }[]
  /** As it is now, whatever the range. */
  inventory: { productCount: number; unitsInStock: number; stockValueCents: number; lowStockCount: number }
}

const LOW_STOCK = 5
const TOP_PRODUCTS = 10

const IN_RANGE = `vendor_id = $1
  and created_at >= $2::date::timestamp at time zone 'UTC'
  and created_at < ($3::date + 1)::timestamp at time zone 'UTC'`
const EARNED = `filter (where status not in ('cancelled', 'refunded'))`
const REVENUE = `${sumOf('total_cents', EARNED)} as revenue_cents`
const ORDER_COUNT = 'count(*) as order_count'

/** Answers questions about a vendor's orders by asking the database, each time. */
export class Analytics {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /** Seven aggregate queries over the vendor's orders and products. */
  async snapshot(vendorId: string, range: DateRange): Promise<AnalyticsSnapshot> {
    const [totals, previous, byStatus, byDay, byWeekday, topProducts, inventory] = await Promise.all([
      this.#totals(vendorId, range),
      this.#previous(vendorId, range),
      this.#byStatus(vendorId, range),
      this.#byDay(vendorId, range),
      this.#byWeekday(vendorId, range),
      this.#topProducts(vendorId, range),
      this.#inventory(vendorId),
    ])
    return { vendorId, ...range, ...totals, previous, byStatus, byDay, byWeekday, topProducts, inventory }
  }

  async #totals(
    vendorId: string,
    range: DateRange,
  ): Promise<Pick<AnalyticsSnapshot, 'revenueCents' | 'orderCount' | 'unitsSold' | 'averageOrderCents'>> {
    const [row = {}] = await this.#inRange(
      vendorId,
      range,
      `select ${REVENUE}, ${ORDER_COUNT},
         coalesce(sum(quantity) ${EARNED}, 0) as units_sold,
         coalesce(round(avg(total_cents) ${EARNED}), 0)::bigint as average_order_cents
       from storefront.orders where ${IN_RANGE}`,
    )
    return {
      ...sales(row),
      unitsSold: integer(row, 'units_sold'),
      averageOrderCents: integer(row, 'average_order_cents'),
    }
  }

  async #previous(vendorId: string, { dateFrom, dateTo }: DateRange): Promise<AnalyticsSnapshot['previous']> {
    const [row = {}] = await this.#database.query(
      `select ${REVENUE}, ${ORDER_COUNT}
       from storefront.orders
       where vendor_id = $1
         and created_at >= ($2::date - ($3::date - $2::date + 1))::timestamp at time zone 'UTC'
         and created_at < $2::date::timestamp at time zone 'UTC'`,
      [vendorId, dateFrom, dateTo],
    )
    return sales(row)
  }

  async #byStatus(vendorId: string, range: DateRange): Promise<AnalyticsSnapshot['byStatus']> {
    const rows = await this.#inRange(
      vendorId,
      range,
      `select status, ${ORDER_COUNT}, ${sumOf('total_cents')} as total_cents
       from storefront.orders where ${IN_RANGE}
       group by status order by status`,
    )
    return rows.map((row) => ({
      status: text(row, 'status'),
      orderCount: integer(row, 'order_count'),
      totalCents: integer(row, 'total_cents'),
    }))
  }

  async #byDay(vendorId: string, range: DateRange): Promise<AnalyticsSnapshot['byDay']> {
    const rows = await this.#inRange(
      vendorId,
      range,
      `select to_char(created_at at time zone 'UTC', 'YYYY-MM-DD') as date, ${REVENUE}, ${ORDER_COUNT}
       from storefront.orders where ${IN_RANGE}
       group by 1 order by 1`,
    )
    return rows.map((row) => ({ date: text(row, 'date'), ...sales(row) }))
  }

  async #byWeekday(vendorId: string, range: DateRange): Promise<AnalyticsSnapshot['byWeekday']> {
    const rows = await this.#inRange(
      vendorId,
      range,
      `select extract(isodow from created_at at time zone 'UTC')::integer as weekday, ${REVENUE}, ${ORDER_COUNT}
       from storefront.orders where ${IN_RANGE}
       group by 1 order by 1`,
    )
    return rows.map((row) => ({ weekday: integer(row, 'weekday'), ...sales(row) }))
  }

  async #topProducts(vendorId: string, range: DateRange): Promise<AnalyticsSnapshot['topProducts']> {
    const rows = await this.#inRange(
      vendorId,
      range,
      `select best.product_id, product.name, best.units_sold, best.revenue_cents
       from (
         select product_id, coalesce(sum(quantity) ${EARNED}, 0) as units_sold, ${REVENUE}
         from storefront.orders where ${IN_RANGE}
         group by product_id order by revenue_cents desc, product_id limit ${TOP_PRODUCTS}
       ) best
       left join storefront.products product on product.vendor_id = $1 and product.id = best.product_id
       order by best.revenue_cents desc, best.product_id`,
    )
    return rows.map((row) => ({
      productId: text(row, 'product_id'),
      name: row['name'] === null ? null : text(row, 'name'),
      unitsSold: integer(row, 'units_sold'),
      revenueCents: integer(row, 'revenue_cents'),
    }))
  }

  async #inventory(vendorId: string): Promise<AnalyticsSnapshot['inventory']> {
    const [row = {}] = await this.#database.query(
      `select count(*) as product_count,
         coalesce(sum(stock), 0) as units_in_stock,
         ${sumOf('stock::bigint * price_cents')} as stock_value_cents,
         count(*) filter (where stock < ${LOW_STOCK}) as low_stock_count
       from storefront.products where vendor_id = $1`,
      [vendorId],
    )
    return {
      productCount: integer(row, 'product_count'),
      unitsInStock: integer(row, 'units_in_stock'),
      stockValueCents: integer(row, 'stock_value_cents'),
      lowStockCount: integer(row, 'low_stock_count'),
    }
  }

  #inRange(vendorId: string, { dateFrom, dateTo }: DateRange, sql: string): Promise<readonly Row[]> {
    return this.#database.query(sql, [vendorId, dateFrom, dateTo])
  }
}

function sales(row: Row): { revenueCents: number; orderCount: number } {
  return { revenueCents: integer(row, 'revenue_cents'), orderCount: integer(row, 'order_count') }
}
