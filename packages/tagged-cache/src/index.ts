export { taggedCache, taggedCache as default } from './plugin.js'
export { tags, type TagBuilders } from './tags.js'
export { cacheChannel, type CacheEvent, type NotStoredReason } from './cache-events.js'
export type { CacheControlOptions, TaggedCacheOptions } from './options.js'
export type {
  GetOrSetOptions,
  Invalidated,
  Loader,
  LoaderContext,
  ReadOptions,
  StatsOptions,
  StoreOptions,
  TaggedCache,
} from './tagged-cache.js'
export type { CacheStats, FleetStats, LevelStats, LoadStats, StoredSize } from './cache-stats.js'
export type { WarmEntry, WarmOptions, Warmed } from './warm.js'
export type {
  RouteCacheConfig,
  RouteInvalidates,
  RouteInvalidation,
  RouteTags,
} from './route/route-config.js'
