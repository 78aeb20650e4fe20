/**
 * The sum of a column's values in SQL, 0 where there are none. It stops at the largest whole number that JSON
 * and JavaScript carry exactly: a shop that sells treasures has a figure that is too low, and not none.
 */
export function sumOf(expression: string, filter = ''): string {
  return `least(coalesce(sum(${expression}) ${filter}, 0), ${Number.MAX_SAFE_INTEGER})::bigint`
}
