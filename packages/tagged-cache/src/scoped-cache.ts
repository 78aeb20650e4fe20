import type { CacheEngine } from './cache-engine.js'
import { statsOf, zeroCounters, type CacheStats, type Counters, type FleetStats } from './cache-stats.js'
import { CacheOptionError } from './errors.js'
import type { Scope } from './scope.js'
import type {
  GetOrSetOptions,
  Invalidated,
  Loader,
  ReadOptions,
  StatsOptions,
  StoreOptions,
  TaggedCache,
} from './tagged-cache.js'
import { warm, type WarmEntry, type WarmOptions, type Warmed } from './warm.js'

/** The cache as a part of the app sees it: all of it, a tenant's, a module's. */
export class ScopedCache implements TaggedCache {
  readonly #engine: () => CacheEngine
  readonly #scope: Scope

  /** @param engine - Asked for each call: it is not there before the app is ready. */
  constructor(engine: () => CacheEngine, scope: Scope) {
    this.#engine = engine
    this.#scope = scope
  }

  getOrSet<Value>(key: string, loader: Loader<Value>, options?: GetOrSetOptions): Promise<Value> {
    try {
      // What was stored under a key has the type that its loader gives it; nobody else can know it.
      return this.#engine().reads.getOrSet(this.#scope, key, loader, options) as Promise<Value>
    } catch (error) {
      return rejected(error)
    }
  }

  async get<Value = unknown>(key: string, options?: ReadOptions): Promise<Value | undefined> {
    return (await this.#engine().reads.get(this.#scope, key, options)) as Value | undefined
  }

  async getMany<Value = unknown>(
    keys: readonly string[],
    options?: ReadOptions,
  ): Promise<readonly (Value | undefined)[]> {
    return Promise.all(keys.map((key) => this.get<Value>(key, options)))
  }

  async set(
    key: string,
    value: unknown,
    options: StoreOptions = {},
  ): Promise<Pick<Invalidated, 'durability'>> {
    return this.#engine().writes.set(this.#scope, key, value, options)
  }

  async delete(key: string): Promise<Invalidated> {
    return this.#engine().writes.delete(this.#scope, key)
  }

  async invalidateTags(tags: readonly string[]): Promise<Invalidated> {
    return this.#engine().writes.invalidateTags(this.#scope, tags)
  }

  async clear(): Promise<Invalidated> {
    return this.#engine().writes.clear(this.#scope)
  }

  warm(entries: Iterable<WarmEntry> | AsyncIterable<WarmEntry>, options: WarmOptions = {}): Promise<Warmed> {
    return warm(this, entries, options)
  }

  stats(options: { readonly scope: 'fleet' }): Promise<FleetStats>
  stats(options?: { readonly scope?: 'process' }): Promise<CacheStats>
  async stats({ scope = 'process' }: StatsOptions = {}): Promise<CacheStats | FleetStats> {
    const engine = this.#engine()
    switch (scope) {
      case 'process':
        return engine.stats()
      case 'fleet':
        return fleetStats(engine)
      default:
        throw new CacheOptionError("The scope of stats is 'process' or 'fleet'.")
    }
  }

  forTenant(tenantId: string): TaggedCache {
    return new ScopedCache(this.#engine, this.#scope.tenant(tenantId))
  }

  namespace(name: string): TaggedCache {
    return new ScopedCache(this.#engine, this.#scope.namespace(name))
  }
}

function rejected(error: unknown): Promise<never> {
  return Promise.reject(error instanceof Error ? error : new Error(String(error)))
}

async function fleetStats(engine: CacheEngine): Promise<FleetStats> {
  const [{ reports, silent }, stored] = await Promise.all([engine.fleetReport(), engine.storedSize()])
  const counters = zeroCounters()
  const sizes = { keys: 0, bytes: 0, buffered: 0, tags: 0 }
  for (const report of reports) {
    add(counters, report.counters)
    for (const name of ['keys', 'bytes', 'buffered', 'tags'] as const) sizes[name] += report.sizes[name]
  }
  return { ...statsOf(counters, sizes), processes: reports.length, silent, stored }
}

function add(sum: Counters, part: Counters): void {
  const longest = Math.max(sum.longestLoadMs, part.longestLoadMs)
  for (const name of Object.keys(sum) as (keyof Counters)[]) sum[name] += part[name]
  sum.longestLoadMs = longest
}
