const cents = new Intl.NumberFormat(undefined, { style: 'currency', currency: 'EUR' })
const euros = new Intl.NumberFormat(undefined, {
  style: 'currency',
  currency: 'EUR',
  maximumFractionDigits: 0,
})
const shortEuros = new Intl.NumberFormat(undefined, {
  style: 'currency',
  currency: 'EUR',
  notation: 'compact',
  maximumFractionDigits: 1,
})
const numbers = new Intl.NumberFormat()
const shortNumbers = new Intl.NumberFormat(undefined, { notation: 'compact', maximumSignificantDigits: 3 })
const percents = new Intl.NumberFormat(undefined, { style: 'percent', maximumFractionDigits: 0 })
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const days = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeZone: 'UTC' })
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' })

const LONGEST_BRIEF = 60

export const money = (amountCents: number): string => cents.format(amountCents / 100)
export const wholeMoney = (amountCents: number): string => euros.format(amountCents / 100)
export const shortMoney = (amountCents: number): string => shortEuros.format(amountCents / 100)
export const count = (value: number): string => numbers.format(value)
export const shortCount = (value: number): string => shortNumbers.format(value)
export const percent = (part: number): string => percents.format(part)
export const dateTime = (iso: string): string => dates.format(new Date(iso))
export const day = (iso: string): string => days.format(new Date(iso))
export const timeOfDay = (iso: string): string => clock.format(new Date(iso))
/** The time of what was today, else the date as well. */
export const recent = (iso: string): string =>
  new Date(iso).toDateString() === new Date().toDateString() ? timeOfDay(iso) : dateTime(iso)
export const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** A name within a sentence. */
export const brief = (name: string): string =>
  name.length <= LONGEST_BRIEF ? name : `${name.slice(0, LONGEST_BRIEF - 1)}…`

export function plural(value: number, one: string): string {
  return `${count(value)} ${one}${value === 1 ? '' : 's'}`
}

export function bytes(size: number): string {
  if (size < 1024) return `${size} B`
  if (size < 1024 * 1024) return `${Math.round(size / 1024)} KB`
  return `${(size / 1024 / 1024).toFixed(1)} MB`
}

/** Such as `2 min`. */
export function span(seconds: number): string {
  if (seconds < 90) return `${Math.max(0, Math.round(seconds))} s`
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`
  return `${Math.round(seconds / 3600)} h`
}

/** Cents of an amount as a person types it, or undefined: `1299`, `12.99` and `12,9` are amounts. */
export function centsOf(text: string): number | undefined {
  const match = /^(\d{1,7})(?:[.,](\d{1,2}))?$/.exec(text.trim())
  if (match === null) return undefined
  const [, whole = '0', fraction = ''] = match
  return Number(whole) * 100 + Number(fraction.padEnd(2, '0'))
}
