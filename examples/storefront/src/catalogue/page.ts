/** Which part of a list is wanted. */
export interface PageRequest {
  /** The most items to answer. */
  limit: number
  /** Where the page before ended; the beginning without it. */
  cursor?: string | undefined
  /** Text that an item must contain, whatever its case; `%` and `_` mean themselves. */
  search?: string | undefined
}

export interface Page<Item> {
  items: Item[]
  /** Where the next page begins; undefined at the end. */
  nextCursor: string | undefined
}

/** Builds a page from `limit + 1` items: the one too many only says that there is a next page. */
export function pageOf<Item>(items: Item[], limit: number, cursorAfter: (last: Item) => string): Page<Item> {
  const shown = items.slice(0, limit)
  const last = shown.at(-1)
  return {
    items: shown,
    nextCursor: items.length > limit && last !== undefined ? cursorAfter(last) : undefined,
  }
}

/** The `ILIKE` pattern (with `\` as its escape character) that finds `search` anywhere; null without a search. */
export function containsPattern(search: string | undefined): string | null {
  if (search === undefined || search === '') return null
  return `%${search.replace(/[\\%_]/g, String.raw`\$&`)}%`
}
