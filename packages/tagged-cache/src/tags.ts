import { nameOf } from './scope.js'

/** Tags that commerce apps share, so that no two modules spell them differently. */
export interface TagBuilders {
  /** Everything of one vendor: `vendor:{id}`. */
  readonly vendor: (vendorId: string) => string
  /** Everything that shows products. */
  readonly products: 'products'
  /** Everything that shows orders. */
  readonly orders: 'orders'
  /** Everything that is reckoned from many orders. */
  readonly analytics: 'analytics'
  /** What a change to a product of this vendor invalidates: the vendor, and the products. */
  readonly productChange: (vendorId: string) => readonly string[]
  /** What a change to an order of this vendor invalidates: the vendor, the orders, what is reckoned from them. */
  readonly orderChange: (vendorId: string) => readonly string[]
}

const vendor = (vendorId: string): string => `vendor:${nameOf('vendor id', vendorId)}`

/** See {@link TagBuilders}. */
export const tags: TagBuilders = Object.freeze({
  vendor,
  products: 'products',
  orders: 'orders',
  analytics: 'analytics',
  productChange: (vendorId: string) => [vendor(vendorId), 'products'],
  orderChange: (vendorId: string) => [vendor(vendorId), 'orders', 'analytics'],
})
