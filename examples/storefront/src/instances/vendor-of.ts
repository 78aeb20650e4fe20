const VENDORS = 3

/** The vendor of a new instance: the demo's first three ids are the vendors' own, any other falls to one of them. */
export function vendorOf(instanceId: string): string {
  const own = /^00000000-0000-4000-8000-00000000000([123])$/.exec(instanceId)
  const lastDigit = Number.parseInt(instanceId.slice(-1), 16)
  return `vendor-${own?.[1] ?? (lastDigit % VENDORS) + 1}`
}
