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
  /** Called after each value. */
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

async function* eachOf(
  entries: Iterable<WarmEntry> | AsyncIterable<WarmEntry>,
): AsyncGenerator<WarmEntry, void, undefined> {
  yield* entries
}

/** See {@link TaggedCache.warm}. Takes an entry from the list only when there is room for its load. */
export async function warm(
  cache: Pick<TaggedCache, 'getOrSet'>,
  entries: Iterable<WarmEntry> | AsyncIterable<WarmEntry>,
  { concurrency = defaultConcurrency, onProgress, signal }: WarmOptions = {},
): Promise<Warmed> {
  if (!Number.isSafeInteger(concurrency) || concurrency < 1) {
    throw new CacheOptionError('concurrency takes a whole number of at least 1.')
  }
  let warmed = 0
  let failed = 0
  let error: unknown
  const progress = (): Warmed => ({ warmed, failed, aborted: signal?.aborted === true, error })
  const isOver = (): boolean => signal?.aborted === true
  const source = eachOf(entries)
  const work = async (): Promise<void> => {
    while (!isOver()) {
      const next = await source.next()
      if (next.done === true) return
      const { key, loader, ...options } = next.value
      try {
        await cache.getOrSet(key, loader, signal === undefined ? options : { signal, ...options })
        warmed += 1
      } catch (cause) {
        if (!isOver()) {
          failed += 1
          error ??= cause
        }
      }
      onProgress?.(progress())
    }
  }
  await Promise.all(Array.from({ length: concurrency }, work))
  await source.return()
  return progress()
}
