/** What the storefront's API answers; its schemas stand beside the routes, and at /openapi.json. */

export interface SignedIn {
  userId: string
  /** The vendor; null for an admin. */
  tenantId: string | null
  roles: string[]
  csrfToken: string
}

export interface Product {
  id: string
  name: string
  sku: string
  priceCents: number
  stock: number
  updatedAt: string
}

export interface Order {
  id: string
  productId: string
  quantity: number
  totalCents: number
  status: string
  createdAt: string
}

export interface StockLevel {
  productId: string
  sku: string
  stock: number
}

export interface CartItem {
  productId: string
  quantity: number
}

export interface Receipt {
  orders: { id: string; productId: string; quantity: number; totalCents: number }[]
  totalCents: number
}

export interface Sales {
  orderCount: number
  revenueCents: number
}

export interface Snapshot extends Sales {
  dateFrom: string
  dateTo: string
  unitsSold: number
  averageOrderCents: number
  previous: Sales
  byStatus: { status: string; orderCount: number; totalCents: number }[]
  byDay: (Sales & { date: string })[]
  topProducts: { productId: string; name: string | null; unitsSold: number; revenueCents: number }[]
  inventory: { productCount: number; unitsInStock: number; stockValueCents: number; lowStockCount: number }
}

export interface ShopMetrics {
  vendors: (Sales & { vendorId: string; name: string; productCount: number })[]
}

export interface Health {
  status: 'ok' | 'degraded' | 'failing'
  redis: { status: 'healthy' | 'unhealthy' | 'disabled' }
}

export interface Device {
  id: string
  device: string | null
  createdAt: string
  lastSeenAt: string
  current: boolean
}

/** The figures of the live panel. */
export interface LiveReport {
  status: 'ok' | 'degraded' | 'off'
  redis: {
    status: 'off' | 'connecting' | 'up' | 'suspect' | 'down' | 'closed'
    since: string
    lastOutage: { endedAt: string; seconds: number } | null
    provider: string
    server: string | null
    latency: string | null
  }
  cache: {
    hits: number
    misses: number
    hitRate: number
    totalKeys: number
    memoryUsage: number
    buffered: number
  }
  commands: { perRequest: number | null; perDay: number | null; budgetUsed: number | null }
  limit: { max: number; remaining: number; resetSeconds: number; by: string } | null
  webhooks: { waiting: number; active: number; delayed: number; deadLetters: number } | null
  requests: SeenRequest[]
}

export interface SeenRequest {
  at: string
  method: string
  route: string
  statusCode: number
  milliseconds: number
  cache: string | null
  commands: number | null
}
