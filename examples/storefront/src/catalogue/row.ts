import type { Row } from './database.js'

/** The text in `column`. */
export function text(row: Row, column: string): string {
  const value = row[column]
  if (typeof value !== 'string') throw unexpected(column, 'text', value)
  return value
}

/** The whole number in `column`; drivers hand `bigint` over as text, so that both are read. */
export function integer(row: Row, column: string): number {
  const value = row[column]
  const number = typeof value === 'string' && value !== '' ? Number(value) : value
  if (typeof number !== 'number' || !Number.isSafeInteger(number))
    throw unexpected(column, 'a whole number', value)
  return number
}

/** The moment in `column`, as ISO 8601 in UTC with milliseconds. */
export function timestamp(row: Row, column: string): string {
  const value = row[column]
  if (!(value instanceof Date)) throw unexpected(column, 'a timestamp', value)
  return value.toISOString()
}

function unexpected(column: string, wanted: string, value: unknown): TypeError {
  const type = value === null ? 'null' : typeof value
  return new TypeError(
    `the column "${column}" should hold ${wanted} and holds ${type}; does the query select it?`,
  )
}
