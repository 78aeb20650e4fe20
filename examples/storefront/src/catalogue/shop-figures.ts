import type { Database } from './database.js'
import { integer, text } from './row.js'
import { sumOf } from './sum-of.js'

/** What an operator wants to know of all vendors together. */
export interface ShopMetrics {
  vendorCount: number
  productCount: number
  orderCount: number
  revenueCents: number
  vendors: VendorMetrics[]
}

export interface VendorMetrics {
  vendorId: string
  name: string
  productCount: number
  orderCount: number
  revenueCents: number
}

/** Reckons over all vendors, by asking the database each time. */
export class ShopFigures {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async metrics(): Promise<ShopMetrics> {
    const rows = await this.#database.query(
      `select vendor.id, vendor.name,
         (select count(*) from storefront.products where vendor_id = vendor.id) as product_count,
         count(orders.id) as order_count,
         ${sumOf('orders.total_cents', `filter (where orders.status not in ('cancelled', 'refunded'))`)}
           as revenue_cents
       from storefront.vendors vendor
       left join storefront.orders orders on orders.vendor_id = vendor.id
       group by vendor.id, vendor.name, vendor.number
       order by vendor.number`,
    )
    const vendors = rows.map((row) => ({
      vendorId: text(row, 'id'),
      name: text(row, 'name'),
      productCount: integer(row, 'product_count'),
      orderCount: integer(row, 'order_count'),
      revenueCents: integer(row, 'revenue_cents'),
    }))
    const sum = (field: 'productCount' | 'orderCount' | 'revenueCents'): number =>
      vendors.reduce((total, vendor) => total + vendor[field], 0)
    return {
      vendorCount: vendors.length,
      productCount: sum('productCount'),
      orderCount: sum('orderCount'),
      revenueCents: sum('revenueCents'),
      vendors,
    }
  }
}
