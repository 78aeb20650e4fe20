/** Numbers of one process since its start; sizes are of now. */
export interface CacheStats {
  /** Answers without a loader, stale ones included. */
  readonly hits: number
  /** Calls that found nothing, those that joined a load included. */
  readonly misses: number
  /** Percent of hits, two decimals; 0 before the first call. */
  readonly hitRate: number
  /** Values in this process's memory. */
  readonly totalKeys: number
  /** Bytes of these values as text, with their keys and what holds them. */
  readonly memoryUsage: number
  readonly local: LevelStats & { readonly evictions: number }
  readonly redis: LevelStats
  /** Answers behind their time, while a load was under way or in place of one that failed. */
  readonly staleServed: number
  /** Calls that waited for a load of somebody else, here or in another process. */
  readonly coalesced: number
  readonly loads: LoadStats
  readonly sets: number
  readonly deletes: number
  readonly invalidations: number
  /** Invalidations that wait for Redis. */
  readonly buffered: number
  readonly tags: number
}

/** Hits of one level. */
export interface LevelStats {
  readonly hits: number
}

/** What loaders did. */
export interface LoadStats {
  readonly count: number
  readonly failed: number
  readonly timedOut: number
  readonly totalMs: number
  readonly meanMs: number
  readonly longestMs: number
}

/** The sum over the live processes. */
export interface FleetStats extends CacheStats {
  /** Processes that answered, this one included. */
  readonly processes: number
  /** Live processes that did not answer in time. */
  readonly silent: number
  /** What lies in Redis, looked at no more than once a minute; undefined where it cannot be asked. */
  readonly stored: StoredSize | undefined
}

/** How much of the cache lies in Redis. */
export interface StoredSize {
  readonly keys: number
  /** False when only a part was counted, and the rest is reckoned from it. */
  readonly exact: boolean
  /** All memory that the server uses, for whatever. */
  readonly serverBytes: number
}

/** The counters behind {@link CacheStats}; only numbers, so that they add up over processes. */
export interface Counters {
  localHits: number
  redisHits: number
  misses: number
  staleServed: number
  coalesced: number
  evictions: number
  loads: number
  loadsFailed: number
  loadsTimedOut: number
  loadMs: number
  longestLoadMs: number
  sets: number
  deletes: number
  invalidations: number
}

/** Sizes of now. */
export interface Sizes {
  readonly keys: number
  readonly bytes: number
  readonly buffered: number
  readonly tags: number
}

/** Counters at zero. */
export function zeroCounters(): Counters {
  return {
    localHits: 0,
    redisHits: 0,
    misses: 0,
    staleServed: 0,
    coalesced: 0,
    evictions: 0,
    loads: 0,
    loadsFailed: 0,
    loadsTimedOut: 0,
    loadMs: 0,
    longestLoadMs: 0,
    sets: 0,
    deletes: 0,
    invalidations: 0,
  }
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100
}

/** What is told of counters and sizes. */
export function statsOf(counters: Counters, sizes: Sizes): CacheStats {
  const hits = counters.localHits + counters.redisHits
  const asked = hits + counters.misses
  return {
    hits,
    misses: counters.misses,
    hitRate: asked === 0 ? 0 : rounded((100 * hits) / asked),
    totalKeys: sizes.keys,
    memoryUsage: sizes.bytes,
    local: { hits: counters.localHits, evictions: counters.evictions },
    redis: { hits: counters.redisHits },
    staleServed: counters.staleServed,
    coalesced: counters.coalesced,
    loads: {
      count: counters.loads,
      failed: counters.loadsFailed,
      timedOut: counters.loadsTimedOut,
      totalMs: rounded(counters.loadMs),
      meanMs: counters.loads === 0 ? 0 : rounded(counters.loadMs / counters.loads),
      longestMs: rounded(counters.longestLoadMs),
    },
    sets: counters.sets,
    deletes: counters.deletes,
    invalidations: counters.invalidations,
    buffered: sizes.buffered,
    tags: sizes.tags,
  }
}
