import type { Sales } from './api-types.js'
import { plural } from './format.js'

/** Sales of a day, a week or a month. */
export interface Bucket extends Sales {
  /** On the axis. */
  label: string
  /** In full. */
  title: string
  /** Of a week or a month there are days that lie outside of the time: its sum says less than the others. */
  isPart: boolean
}

export interface SalesByTime {
  unit: 'day' | 'week' | 'month'
  buckets: Bucket[]
}

const DAY_MS = 86_400_000
const WEEK = 7
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
): SalesByTime {
  const first = Date.parse(dateFrom)
  const length = Math.round((Date.parse(dateTo) - first) / DAY_MS) + 1
  const sales = new Map(byDay.map((day) => [day.date, day]))
  const unit = length <= MOST_DAILY ? 'day' : length <= MOST_WEEKLY ? 'week' : 'month'
  const buckets: Bucket[] = []
  let name: string | undefined
  for (let day = 0; day < length; day += 1) {
    const date = new Date(first + day * DAY_MS)
    const { key, label, title, size } = nameOf(unit, date, day)
    if (key !== name) {
      const held = heldDays(unit, date, length - day)
      const isPart = held < size
      const inFull = isPart ? `${title} (${plural(held, 'day')})` : title
      buckets.push({ label, title: inFull, isPart, orderCount: 0, revenueCents: 0 })
    }
    name = key
    const bucket = buckets.at(-1)
    const sold = sales.get(date.toISOString().slice(0, 10))
    if (bucket === undefined || sold === undefined) continue
    bucket.orderCount += sold.orderCount
    bucket.revenueCents += sold.revenueCents
  }
  return { unit, buckets }
}

/** How many days of the bucket that begins with the date lie in the time, of which so many days are left. */
function heldDays(unit: SalesByTime['unit'], date: Date, left: number): number {
  if (unit === 'day') return 1
  if (unit === 'week') return Math.min(WEEK, left)
  return Math.min(daysInMonth(date) - date.getUTCDate() + 1, left)
}

function daysInMonth(date: Date): number {
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate()
}

function nameOf(
  unit: SalesByTime['unit'],
  date: Date,
  day: number,
): { key: string; label: string; title: string; size: number } {
  if (unit === 'day')
    return { key: String(day), label: days.format(date), title: fullDays.format(date), size: 1 }
  if (unit === 'week') {
    const key = String(Math.floor(day / WEEK))
    return { key, label: days.format(date), title: `Week from ${fullDays.format(date)}`, size: WEEK }
  }
  return {
    key: date.toISOString().slice(0, 7),
    label: months.format(date),
    title: fullMonths.format(date),
    size: daysInMonth(date),
  }
}
