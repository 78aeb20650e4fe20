import { checkOptions, optionRule, type OptionRules } from '@stayfast/redis-kit'
import { isSignal } from './aborting.js'
import { CacheOptionError } from './errors.js'
import type { GetOrSetOptions, Loader, TaggedCache } from './tagged-cache.js'

/** A value that will be wanted. */
export interface WarmEntry extends GetOrSetOptions {
  readonly key: string
  readonly loader: Loader<unknown>
}

/** How {@link TaggedCache.warm} goes about it. */
export interface WarmOptions {
  /** Loads at a time; default 8. */
  readonly concurrency?: number
  /** Called after each value; what it throws ends the warming. */
  readonly onProgress?: (progress: Warmed) => void
  /** Begins no further load. */
  readonly signal?: AbortSignal
}

/** What came of it. */
export interface Warmed {
  /** Values that are there now, whether they were loaded or there before. */
  readonly warmed: number
  /** Loaders that failed; the others went on. */
  readonly failed: number
  /** The signal ended it before everything was done. */
  readonly aborted: boolean
  /** The first error of a loader. */
  readonly error: unknown
}

const defaultConcurrency = 8

const rules: OptionRules<WarmOptions> = {
  concurrency: optionRule.wholeNumber(1),
  onProgress: optionRule.callable,
  signal: { wants: 'an AbortSignal', accepts: isSignal },
}

async function* eachOf(
  entries: Iterable<WarmEntry> | AsyncIterable<WarmEntry>,
): AsyncGenerator<WarmEntry, void, undefined> {
  yield* entries
}

/** See {@link TaggedCache.warm}. Takes an entry from the list only when there is room for its load. */
export async function warm(
  cache: Pick<TaggedCache, 'getOrSet'>,
  entries: Iterable<WarmEntry> | AsyncIterable<WarmEntry>,
  options: WarmOptions = {},
): Promise<Warmed> {
  const checked = checkOptions('warm', options, rules, (message) => new CacheOptionError(message))
  const { concurrency = defaultConcurrency, onProgress, signal } = checked
  let warmed = 0
  let failed = 0
  let error: unknown
  let broken = false
  const isAborted = (): boolean => signal?.aborted === true
  const progress = (): Warmed => ({ warmed, failed, aborted: isAborted(), error })
  const source = eachOf(entries)
  const work = async (): Promise<void> => {
    while (!isAborted() && !broken) {
      const next = await source.next()
      if (next.done === true) return
      const { key, loader, ...callOptions } = next.value
      try {
        await cache.getOrSet(key, loader, signal === undefined ? callOptions : { signal, ...callOptions })
        warmed += 1
      } catch (cause) {
        if (!isAborted()) {
          failed += 1
          error ??= cause
        }
      }
      onProgress?.(progress())
    }
  }
  const breaking = async (): Promise<void> => {
    try {
      await work()
    } catch (cause) {
      broken = true
      throw cause
    }
  }
  // All of them come to their end before the list is closed, whatever one of them meets.
  const ends = await Promise.allSettled(Array.from({ length: concurrency }, breaking))
  await source.return()
  for (const end of ends) if (end.status === 'rejected') throw end.reason
  return progress()
}
