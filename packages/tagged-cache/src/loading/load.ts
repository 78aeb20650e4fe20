import { performance } from 'node:perf_hooks'
import type { CacheCall } from '../cache-call.js'
import type { CacheEntry } from '../cache-entry.js'
import type { WatchedKey } from '../key-watch.js'
import type { LoaderRun } from './loader-run.js'
import type { Found } from '../lookup/lookup.js'
import type { TagRecord } from '../tags/tag-table.js'
import type { TagVersion } from '../tags/tag-version.js'

/** What became of a load. */
export interface LoadOutcome {
  /** Undefined where the value was not stored. */
  readonly entry: CacheEntry | undefined
  readonly value: unknown
  /**
   * `'loaded'` here; `'redis'`: by another process, meanwhile; `'covered'`: the loader failed, and an
   * older value stands in; `'declined'`: another process loads, and an older value is good enough.
   */
  readonly how: 'loaded' | 'redis' | 'covered' | 'declined'
  /**
   * The loader added a tag that may have been invalidated since it began: whoever joined while it ran
   * may have come after that.
   */
  readonly late?: boolean
  /** Of the tag table when Redis was looked at: who joined behind a later change needs a look of his own. */
  readonly changes?: number
}

const notBegun = new Promise<LoadOutcome>(() => undefined)

/**
 * A load that is under way, with the versions that its tags had before the loader began. Whoever comes
 * later joins it only while these are still what the tags have: a value that was loaded before an
 * invalidation is not for those who ask after it.
 */
export class Load implements WatchedKey {
  readonly begunMs: number = performance.now()
  readonly call: CacheCall
  readonly records: readonly TagRecord[]
  readonly versions: (TagVersion | undefined)[]
  readonly key: string
  overtaken = false
  next: WatchedKey | undefined
  readonly background: boolean
  /** What lies in Redis at the moment. */
  seenId: string
  /** Older, and not invalidated. */
  fallback: CacheEntry | undefined
  storable: boolean
  readonly offline: boolean
  /** Of the tag that all loads of an outage have. */
  outageVersion: TagVersion | undefined
  /** See {@link CacheEntry.period}. */
  period = 0
  run: LoaderRun | undefined
  /** Those who wait; a load that nobody waits for any more is given up. */
  waiting = 0
  abandoned: Error | undefined
  /** Ends a pause between two looks at the lock. */
  wake: () => void = () => undefined
  promise: Promise<LoadOutcome> = notBegun

  /** @param offline - Redis cannot be asked: what is loaded ends with the outage. */
  constructor(call: CacheCall, found: Found, background: boolean, offline: boolean) {
    this.call = call
    this.records = found.records
    this.versions = [...found.versions]
    this.key = call.name
    this.background = background
    this.seenId = found.seenId
    this.fallback = found.entry
    this.storable = found.storable
    this.offline = offline
  }

  /** Whether what comes of this load is right for a call that found this. */
  isFor(call: CacheCall, found: Found): boolean {
    if (this.overtaken || this.abandoned !== undefined || call.codec !== this.call.codec) return false
    for (const tag of call.tags) if (!this.call.tags.includes(tag)) return false
    for (const [index, record] of this.records.entries()) {
      const at = found.records.indexOf(record)
      const now = record.version ?? (at < 0 ? undefined : found.versions[at])
      if (now !== this.versions[index]) return false
    }
    return true
  }

  /** One of those who wait gives up. */
  leave(reason: Error): void {
    this.waiting -= 1
    if (this.waiting > 0 || this.background) return
    this.giveUp(reason)
  }

  /** It is over: the maps that it was in remember it for a while, and it is to weigh nothing then. */
  end(): void {
    this.promise = notBegun
    this.run = undefined
    this.fallback = undefined
  }

  giveUp(reason: Error): void {
    this.abandoned ??= reason
    this.run?.abort(reason)
    this.wake()
  }
}
