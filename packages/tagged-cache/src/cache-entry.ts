import type { Codec } from './codec.js'
import type { TagRecord } from './tags/tag-table.js'
import type { TagVersion } from './tags/tag-version.js'

/** When an entry is good for what; ms of this process's monotonic clock. */
export interface EntryTimes {
  readonly createdMs: number
  readonly freshUntilMs: number
  readonly staleUntilMs: number
  readonly errorUntilMs: number
}

/** Tags with the versions they had before the value was loaded. */
export interface Capture {
  readonly records: readonly TagRecord[]
  readonly versions: readonly TagVersion[]
}

/** A value in this process's memory. */
export interface CacheEntry {
  /** Tells this value of the key from any other. */
  readonly id: string
  readonly codec: Codec<unknown>
  readonly records: readonly TagRecord[]
  readonly versions: readonly TagVersion[]
  /** How many of its tags are those of the scopes around it; they come first. */
  readonly epochs: number
  readonly createdMs: number
  readonly freshUntilMs: number
  readonly staleUntilMs: number
  readonly errorUntilMs: number
  /** Until then a hit needs no second thought; then it is refreshed early, or is stale. */
  readonly refreshAtMs: number
  /** Not before is it refreshed again. */
  retryAtMs: number
  /**
   * Between which two revalidations the key itself was last checked. Tags do not tell that a key was
   * removed or written while messages were missed.
   */
  period: number
  /** Of the tag table when the entry was last found current: as long as that stays it needs no comparison. */
  currentAt: number
  /** When this process last knew that it was right: what counts in an outage. */
  readonly loadedMs: number
  /**
   * The value as text, until it is wanted from memory for the first time: much of what is read from Redis
   * never is, and a text weighs little. Kept for good where each caller gets a copy of its own.
   */
  text: string | undefined
  readonly keepText: boolean
  value: unknown
  /** Given to every caller as it is: a hit makes no promise of its own. */
  promise: Promise<unknown> | undefined
  readonly bytes: number
}

/**
 * Whether nothing of what the entry depends on has changed.
 *
 * @param table - Of now: an entry of an earlier period has to be looked at in Redis.
 */
export function isCurrent(
  entry: CacheEntry,
  table: { readonly period: number; readonly changes: number },
): boolean {
  const { records, versions } = entry
  if (entry.period !== table.period) return false
  if (entry.currentAt === table.changes) return true
  for (let index = 0; index < records.length; index += 1) {
    if (records[index]?.version !== versions[index]) return false
  }
  entry.currentAt = table.changes
  return true
}

/** Whether the entry has all these tags; the same ones in the same order are the usual case. */
export function hasTags(entry: CacheEntry, wanted: readonly string[]): boolean {
  const { records, epochs } = entry
  for (let index = 0; index < wanted.length; index += 1) {
    const tag = wanted[index]
    if (records[epochs + index]?.name !== tag && !isAmong(records, tag)) return false
  }
  return true
}

/** A function of its own: what the loop above had to keep for it would be made with each hit. */
function isAmong(records: readonly TagRecord[], tag: string | undefined): boolean {
  return records.some(({ name }) => name === tag)
}

/** What memory answers: the same value to everybody. */
export function valueOf(entry: CacheEntry): unknown {
  if (entry.promise === undefined) void hold(entry)
  return entry.value
}

/** The same as a promise, and always the same one. */
export function promiseOf(entry: CacheEntry): Promise<unknown> {
  return entry.promise ?? hold(entry)
}

/** A value of the caller's own, where the text is kept. */
export function copyOf({ text }: CacheEntry): unknown {
  return text === undefined || text === '' ? undefined : (JSON.parse(text) as unknown)
}

function hold(entry: CacheEntry): Promise<unknown> {
  entry.value = entry.codec.decode(entry.text ?? '')
  if (!entry.keepText) entry.text = undefined
  entry.promise = Promise.resolve(entry.value)
  return entry.promise
}

/** The moment until which an entry may be used for anything. */
export function usableUntilMs(times: Omit<EntryTimes, 'createdMs'>): number {
  return Math.max(times.freshUntilMs, times.staleUntilMs, times.errorUntilMs)
}
