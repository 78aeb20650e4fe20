/** What is asked for: what a dashboard shows of a month, about 1 KB of JSON. */
export interface SalesReport {
  readonly vendorId: string
  readonly revenueCents: number
  readonly orderCount: number
  readonly days: readonly { readonly date: string; readonly revenueCents: number }[]
}

const dayCount = 20

/** The same in every process. */
export function salesReport(vendorId: string): SalesReport {
  return {
    vendorId,
    revenueCents: 1_234_567,
    orderCount: 890,
    days: Array.from({ length: dayCount }, (_, day) => ({
      date: new Date(Date.UTC(2026, 9, 1 + day)).toISOString().slice(0, 10),
      revenueCents: 10_000 + 137 * day,
    })),
  }
}
