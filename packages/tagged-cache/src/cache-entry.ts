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
  readonly codec: string
  readonly records: readonly TagRecord[]
  readonly versions: readonly TagVersion[]
  /** The names of its tags in the whole cache, without those of the scopes. */
  readonly tags: readonly string[]
  readonly createdMs: number
  readonly freshUntilMs: number
  readonly staleUntilMs: number
  readonly errorUntilMs: number
  /** Until then a hit needs no second thought; then it is refreshed early, or is stale. */
  readonly refreshAtMs: number
  /** Not before is it refreshed again. */
  retryAtMs: number
  /** When this process last knew that it was right: what counts in an outage. */
  readonly loadedMs: number
  readonly value: unknown
  /** Given to every caller as it is: a hit makes no promise of its own. */
  readonly promise: Promise<unknown>
  /** The encoded value; kept where each caller gets a copy of its own. */
  readonly text: string | undefined
  readonly bytes: number
}

/** Whether nothing of what the entry depends on has changed. */
export function isCurrent(entry: CacheEntry): boolean {
  const { records, versions } = entry
  for (let index = 0; index < records.length; index += 1) {
    if (records[index]?.version !== versions[index]) return false
  }
  return true
}

/** Whether the entry has all these tags; the same ones in the same order are the usual case. */
export function hasTags(entry: CacheEntry, wanted: readonly string[]): boolean {
  const { tags } = entry
  for (let index = 0; index < wanted.length; index += 1) {
    const tag = wanted[index] ?? ''
    if (tags[index] !== tag && !tags.includes(tag)) return false
  }
  return true
}

/** The moment until which an entry may be used for anything. */
export function usableUntilMs(times: Omit<EntryTimes, 'createdMs'>): number {
  return Math.max(times.freshUntilMs, times.staleUntilMs, times.errorUntilMs)
}
