import { type Sales } from './api-types.js'

/** Sales of a day, a week or a month. */
export interface Bucket extends Sales {
  /** On the axis. */
  label: string
  /** In full. */
  title: string
}

const DAY_MS = 86_400_000
const MOST_DAILY = 45
const MOST_WEEKLY = 190

const days = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', timeZone: 'UTC' })
const fullDays = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' })
const months = new Intl.DateTimeFormat(undefined, { month: 'short', year: '2-digit', timeZone: 'UTC' })
const fullMonths = new Intl.DateTimeFormat(undefined, { month: 'long', year: 'numeric', timeZone: 'UTC' })

/** Gathers days into as many buckets as an eye can tell apart; a day without orders counts as zero. */
export function salesBuckets(
  byDay: readonly (Sales & { date: string })[],
  dateFrom: string,
  dateTo: string,
): Bucket[] {
  const first = Date.parse(dateFrom)
  const length = Math.round((Date.parse(dateTo) - first) / DAY_MS) + 1
  const sales = new Map(byDay.map((day) => [day.date, day]))
  const buckets: Bucket[] = []
  let name: string | undefined
  for (let day = 0; day < length; day += 1) {
    const date = new Date(first + day * DAY_MS)
    const { key, label, title } = nameOf(date, day, length)
    if (key !== name) buckets.push({ label, title, orderCount: 0, revenueCents: 0 })
    name = key
    const bucket = buckets.at(-1)
    const sold = sales.get(date.toISOString().slice(0, 10))
    if (bucket === undefined || sold === undefined) continue
    bucket.orderCount += sold.orderCount
    bucket.revenueCents += sold.revenueCents
  }
  return buckets
}

function nameOf(date: Date, day: number, length: number): { key: string; label: string; title: string } {
  if (length <= MOST_DAILY)
    return { key: String(day), label: days.format(date), title: fullDays.format(date) }
  if (length <= MOST_WEEKLY) {
    return {
      key: String(Math.floor(day / 7)),
      label: days.format(date),
      title: `Week from ${fullDays.format(date)}`,
    }
  }
  return { key: date.toISOString().slice(0, 7), label: months.format(date), title: fullMonths.format(date) }
}
