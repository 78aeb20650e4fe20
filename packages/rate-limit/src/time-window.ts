import { parse } from '@lukeed/ms'

/** The longest time that Redis keeps exactly. */
export const longestMs: number = 100 * 365 * 86_400_000

/**
 * Milliseconds of a time window, rounded up to whole ones.
 *
 * @param value - Milliseconds, or a text such as `'15 minutes'`.
 * @returns Undefined when it is none.
 */
export function windowMs(value: unknown): number | undefined {
  const ms = typeof value === 'string' ? parse(value) : value
  if (typeof ms !== 'number' || !(ms > 0) || ms > longestMs) return undefined
  return Math.ceil(ms)
}
