export type { Invalidated, Loader, LoaderContext, TaggedCache } from './tagged-cache.js'
