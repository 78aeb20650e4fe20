import type { CacheStats, FleetStats } from './cache-stats.js'
import type { WarmEntry, WarmOptions, Warmed } from './warm.js'

/** What a loader is given. */
export interface LoaderContext {
  /** Aborts when the load has taken too long, or when nobody waits for it any more. */
  readonly signal: AbortSignal
  /**
   * Adds tags that are known only now, such as the ids of what was found. A tag that may have been
   * invalidated since the loader began keeps the value from being stored, because it may be older.
   */
  readonly addTags: (tags: readonly string[]) => void
  /** The value is given to those who wait for it, each as a copy as ever, and not stored. */
  readonly skipStore: () => void
}

/** Computes a value. It runs once for everybody who wants it at the moment, in all processes. */
export type Loader<Value> = (context: LoaderContext) => Value | Promise<Value>

/** How long a value is good, and what it depends on. */
export interface StoreOptions {
  /** Seconds for which the value is fresh. */
  readonly ttlSeconds?: number
  /** What the value depends on: invalidating one of these tags makes it a miss at once. */
  readonly tags?: readonly string[]
  /** Seconds behind `ttlSeconds` for which the value is answered while one caller has it loaded anew. */
  readonly staleWhileRevalidateSeconds?: number
  /** Seconds behind `ttlSeconds` for which the value covers for a loader that fails. Never after an invalidation. */
  readonly staleIfErrorSeconds?: number
}

/** How a value is looked up. */
export interface ReadOptions {
  /**
   * `'local'` (default) answers from this process's memory what no process has invalidated. `'strong'`
   * checks the tags in Redis each time, by one command, and answers nothing from memory in an outage.
   */
  readonly consistency?: 'local' | 'strong'
}

/** Options of {@link TaggedCache.getOrSet}. */
export interface GetOrSetOptions extends StoreOptions, ReadOptions {
  /** Milliseconds after which the load is given up: its signal aborts, and those who wait get STAY_CACHE_LOADER_TIMEOUT. */
  readonly loaderTimeoutMs?: number
  /** Milliseconds after which a value that may cover for the loader is answered, while the loader goes on. */
  readonly loaderSoftTimeoutMs?: number
  /** Seconds for which "there is nothing" (`undefined` or `null`) is remembered. Without it `undefined` is not stored, and `null` is a value like others. */
  readonly negativeTtlSeconds?: number
  /** Gives up waiting. The load goes on as long as anybody else waits for it. */
  readonly signal?: AbortSignal
}

/** What became of an invalidation. */
export interface Invalidated {
  /**
   * No read that begins now in any process returns what was invalidated. False where commands are
   * billed (nobody confirms: the bound is the lease of 30 s), or while Redis is away.
   */
  readonly delivered: boolean
  /**
   * `'redis'`: it is done in Redis. `'buffered'`: it holds in this process, and is done in Redis when
   * that is back; without Redis it is always `'buffered'`.
   */
  readonly durability: 'redis' | 'buffered'
}

/** Which numbers are wanted. */
export interface StatsOptions {
  /** `'process'` (default) or `'fleet'`: the sum over the live processes. */
  readonly scope?: 'process' | 'fleet'
}

/**
 * `app.taggedCache`. Values are JSON: what comes back is a frozen copy that all callers share (or a copy
 * of its own for each, with `returns: 'copy'`), the same after a miss as after a hit.
 */
export interface TaggedCache {
  /**
   * The value of a key: from memory, from Redis, or from the loader, which runs once for all who want it.
   *
   * @throws What the loader throws; STAY_CACHE_LOADER_TIMEOUT; STAY_CACHE_KEY_INVALID, STAY_CACHE_OPTION_INVALID.
   *   Never because Redis is away.
   */
  getOrSet<Value>(key: string, loader: Loader<Value>, options?: GetOrSetOptions): Promise<Value>

  /** The value of a key if it is there and fresh, or may be answered stale; else `undefined`. */
  get<Value = unknown>(key: string, options?: ReadOptions): Promise<Value | undefined>

  /** Several at once, in the order of the keys. What is not in memory is read by one command for each 32 of them. */
  getMany<Value = unknown>(
    keys: readonly string[],
    options?: ReadOptions,
  ): Promise<readonly (Value | undefined)[]>

  /**
   * Stores a value that is known already. Other processes drop theirs a moment later. A value that was
   * read from a database before an invalidation must not be stored after it: `getOrSet` takes care of
   * that, `set` cannot.
   *
   * @returns Whether it is in Redis (`'redis'`) or in this process alone.
   * @throws STAY_CACHE_VALUE_INVALID when it is no JSON (`undefined` is none), STAY_CACHE_TOO_LARGE.
   */
  set(key: string, value: unknown, options?: StoreOptions): Promise<Pick<Invalidated, 'durability'>>

  /** Removes one key, everywhere; a load that is under way will not bring it back. */
  delete(key: string): Promise<Invalidated>

  /**
   * Makes every value with one of these tags a miss, whatever is being loaded at the moment. It costs
   * the same for ten keys as for a million, and never fails because Redis is away.
   *
   * @throws STAY_CACHE_OPTION_INVALID, STAY_CACHE_KEY_INVALID for what is no list of tags; STAY_CACHE_CLOSED.
   */
  invalidateTags(tags: readonly string[]): Promise<Invalidated>

  /** Makes everything in here a miss: of a tenant only what is the tenant's. */
  clear(): Promise<Invalidated>

  /** Loads what will be wanted, a few at a time. */
  warm(entries: Iterable<WarmEntry> | AsyncIterable<WarmEntry>, options?: WarmOptions): Promise<Warmed>

  stats(options: { readonly scope: 'fleet' }): Promise<FleetStats>
  stats(options?: { readonly scope?: 'process' }): Promise<CacheStats>
  stats(options?: StatsOptions): Promise<CacheStats | FleetStats>

  /** The same cache inside a tenant: no key and no tag leaves it, whatever it holds. */
  forTenant(tenantId: string): TaggedCache

  /** The same cache in a part of its own, such as one module's. */
  namespace(name: string): TaggedCache
}
