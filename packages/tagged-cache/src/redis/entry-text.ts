import type { TagVersion } from '../tags/tag-version.js'

/** What is known of an entry before its value is decoded. Times in ms of the clock of Redis. */
export interface EntryHeader {
  readonly id: string
  readonly codec: string
  readonly createdMs: number
  readonly freshUntilMs: number
  readonly staleUntilMs: number
  readonly errorUntilMs: number
  /** Names in the whole cache, those of the scopes included. */
  readonly tags: readonly string[]
  readonly versions: readonly TagVersion[]
}

/** An entry as it lies in Redis. */
export interface StoredEntry extends EntryHeader {
  readonly payload: string
}

/** Ids have this many characters, so that a script compares them without parsing. */
export const idLength = 14

/**
 * The text of an entry in three parts, so that a script can put in what it alone knows:
 *
 * ```
 * <id> <version> <version> …\n
 * [codec, created, fresh, stale, error, [tag, tag, …]]\n
 * payload
 * ```
 */
export function entryTail(header: Omit<EntryHeader, 'id' | 'versions'>, payload: string): string {
  const { codec, createdMs, freshUntilMs, staleUntilMs, errorUntilMs, tags } = header
  const times = `${createdMs},${freshUntilMs - createdMs},${staleUntilMs - createdMs},${errorUntilMs - createdMs}`
  return `["${codec}",${times},${JSON.stringify(tags)}]\n${payload}`
}

/** The whole text; see {@link entryTail}. */
export function entryText(id: string, versions: readonly TagVersion[], tail: string): string {
  return `${id} ${versions.join(' ')}\n${tail}`
}

/** Which entry a text is; empty where there is none. */
export function entryId(text: string | null): string {
  return text === null ? '' : text.slice(0, idLength)
}

/** @returns Undefined for a text that is no entry: somebody else's, or torn. */
export function parseEntry(text: string): StoredEntry | undefined {
  const firstEnd = text.indexOf('\n')
  const secondEnd = text.indexOf('\n', firstEnd + 1)
  if (firstEnd < idLength || secondEnd < 0) return undefined
  try {
    const parsed: unknown = JSON.parse(text.slice(firstEnd + 1, secondEnd))
    const fields: readonly unknown[] = Array.isArray(parsed) ? parsed : []
    const [codec, created, fresh, stale, error, names] = fields
    if (typeof codec !== 'string' || typeof created !== 'number') return undefined
    if (typeof fresh !== 'number' || typeof stale !== 'number' || typeof error !== 'number') return undefined
    if (!Array.isArray(names)) return undefined
    const tags: unknown[] = names
    const [id = '', ...versions] = text.slice(0, firstEnd).split(' ')
    if (!tags.every((tag) => typeof tag === 'string') || versions.length !== tags.length) return undefined
    return {
      id,
      codec,
      createdMs: created,
      freshUntilMs: created + fresh,
      staleUntilMs: created + stale,
      errorUntilMs: created + error,
      tags,
      versions,
      payload: text.slice(secondEnd + 1),
    }
  } catch {
    return undefined
  }
}
