import type { OrderStatus } from './order-status.js'
import { SeededRandom } from './seeded-random.js'
import { type VendorProfile, vendorProfiles } from './vendor-profiles.js'

export interface GeneratedProduct {
  vendorId: string
  id: string
  number: number
  name: string
  sku: string
  priceCents: number
  stock: number
  updatedAt: string
}

export interface GeneratedOrder {
  vendorId: string
  id: string
  productId: string
  quantity: number
  totalCents: number
  status: OrderStatus
  createdAt: string
}

export interface GeneratedCatalogue {
  vendors: readonly VendorProfile[]
  products: readonly GeneratedProduct[]
  orders: readonly GeneratedOrder[]
}

const PRODUCTS_PER_VENDOR = 1_000
const ORDERS = 50_000
const DAY_MS = 86_400_000
const FIRST_ORDER_MS = Date.UTC(2024, 10, 1)
const END_MS = Date.UTC(2026, 10, 1)

/**
 * The demo catalogue: 3 vendors, 1,000 products each, 50,000 orders in the two years before 2026-11-01.
 * It depends on nothing but this code, so that every process knows the same ids.
 */
export function generateCatalogue(): GeneratedCatalogue {
  const products: GeneratedProduct[] = []
  const orders: GeneratedOrder[] = []
  vendorProfiles.forEach((vendor, index) => {
    const random = new SeededRandom(20_261_101 + vendor.number)
    const own = generateProducts(vendor, random)
    const share = Math.floor((ORDERS + vendorProfiles.length - 1 - index) / vendorProfiles.length)
    products.push(...own)
    orders.push(...generateOrders(vendor, own, share, random))
  })
  return { vendors: vendorProfiles, products, orders }
}

function generateProducts(vendor: VendorProfile, random: SeededRandom): GeneratedProduct[] {
  const { adjectives, materials, things } = vendor.words
  return Array.from({ length: PRODUCTS_PER_VENDOR }, (_, index) => {
    const number = index + 1
    // 387 shares no factor with 1,000, so each of the 10 × 10 × 10 names comes once, and neighbours differ.
    const name = (index * 387) % PRODUCTS_PER_VENDOR
    const words = [
      adjectives[Math.floor(name / 100)],
      materials[Math.floor(name / 10) % 10],
      things[name % 10],
    ]
    return {
      vendorId: vendor.id,
      id: `p-${vendor.number}-${number}`,
      number,
      name: words.join(' '),
      sku: `${vendor.skuPrefix}-${String(number).padStart(4, '0')}`,
      priceCents: random.integer(4, 250) * 100 - random.integer(0, 1) * 5,
      stock: random.next() < 0.04 ? random.integer(0, 4) : random.integer(5, 400),
      updatedAt: new Date(END_MS - random.integer(1, 90 * 24 * 60) * 60_000).toISOString(),
    }
  })
}

function generateOrders(
  vendor: VendorProfile,
  products: readonly GeneratedProduct[],
  count: number,
  random: SeededRandom,
): GeneratedOrder[] {
  const times = Array.from({ length: count }, () => orderTime(random)).sort((a, b) => a - b)
  return times.map((createdMs, index) => {
    // Squared, so that a few products sell often and most sell seldom.
    const popularity = random.next() ** 2
    const product = products[Math.floor(popularity * products.length)]
    if (product === undefined) throw new RangeError('a vendor without products cannot have orders')
    const quantity = random.next() < 0.7 ? 1 : random.integer(2, 6)
    return {
      vendorId: vendor.id,
      id: `o-${vendor.number}-${index + 1}`,
      productId: product.id,
      quantity,
      totalCents: product.priceCents * quantity,
      status: statusAtAge((END_MS - createdMs) / DAY_MS, random),
      createdAt: new Date(createdMs).toISOString(),
    }
  })
}

/** A moment in the two years; later months are busier than earlier ones, days busier than nights. */
function orderTime(random: SeededRandom): number {
  for (;;) {
    const progress = random.next()
    const createdMs = FIRST_ORDER_MS + Math.floor(progress * (END_MS - FIRST_ORDER_MS))
    const hour = Math.floor((createdMs % DAY_MS) / 3_600_000)
    const byDay = hour >= 7 && hour < 22 ? 1 : 0.2
    if (random.next() < (0.4 + 0.6 * progress) * byDay) return createdMs
  }
}

function statusAtAge(ageDays: number, random: SeededRandom): OrderStatus {
  const chance = random.next()
  if (chance < 0.04) return 'cancelled'
  if (ageDays > 14) return chance < 0.07 ? 'refunded' : 'delivered'
  if (ageDays > 4) return chance < 0.5 ? 'shipped' : 'delivered'
  if (ageDays > 1) return chance < 0.5 ? 'processing' : 'shipped'
  return chance < 0.4 ? 'pending' : 'paid'
}
