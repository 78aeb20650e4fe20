import KeyvRedis from '@keyv/redis'
import { adoptClient } from '@stayfast/redis-kit'
import { eventually } from '@stayfast/test-kit'
import { createCache as createDedupe } from 'async-cache-dedupe'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis'
import { createCache as createManager } from 'cache-manager'
import { Cacheable } from 'cacheable'
import { Redis } from 'ioredis'
import { Keyv } from 'keyv'
import { CacheEngine, type CacheEngineOptions } from '../dist/cache-engine.js'
import { defaultOptions } from '../dist/options.js'
import { rootScope } from '../dist/scope.js'
import { ScopedCache } from '../dist/scoped-cache.js'
import { tags, ttlSeconds, type Peer, type PeerCache } from './peer.js'

async function openOwn(url: string, options: Partial<CacheEngineOptions>): Promise<PeerCache> {
  const client = new Redis(url)
  const link = adoptClient(client, { name: 'cache' })
  const logger = { info: () => undefined, error: () => undefined }
  const engine = new CacheEngine({ ...defaultOptions, maxLocalEntries: 100_000, link, logger, ...options })
  const cache = new ScopedCache(() => engine, rootScope)
  await eventually(() => engine.shared?.trusted === true, { withinMs: 20_000 })
  return {
    getOrSet: (key, loader) => cache.getOrSet(key, loader, { tags, ttlSeconds }),
    settled: () => engine.settled(),
    close: async () => {
      await engine.settled()
      await engine.close(0)
      await link.close()
      client.disconnect()
    },
  }
}

function address(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url)
  return { host: hostname, port: Number(port) }
}

/** Those that are compared, in the order of the table. */
export const peers: readonly Peer[] = [
  {
    name: '**@stayfast/tagged-cache**',
    package: undefined,
    hasMemory: true,
    hasRedis: true,
    open: (url) => openOwn(url, {}),
  },
  {
    name: '… with `lock: false`',
    package: undefined,
    hasMemory: true,
    hasRedis: true,
    open: (url) => openOwn(url, { lock: false }),
  },
  {
    name: 'bentocache',
    package: 'bentocache',
    hasMemory: true,
    hasRedis: true,
    open: async (url) => {
      const connection = address(url)
      const bento = new BentoCache({
        default: 'main',
        stores: {
          main: bentostore()
            .useL1Layer(memoryDriver({ maxItems: 100_000 }))
            .useL2Layer(redisDriver({ connection }))
            .useBus(redisBusDriver({ connection })),
        },
      })
      return Promise.resolve({
        getOrSet: (key, factory) => bento.getOrSet({ key, factory, ttl: `${ttlSeconds}s`, tags: [...tags] }),
        close: () => bento.disconnectAll(),
      })
    },
  },
  {
    name: 'cacheable (getOrSet takes no tags)',
    package: 'cacheable',
    hasMemory: true,
    hasRedis: true,
    open: async (url) => {
      const secondary = new KeyvRedis(url)
      const cache = new Cacheable({ secondary, tags: true })
      return Promise.resolve({
        getOrSet: (key, loader) => cache.getOrSet(key, loader, { ttl: ttlSeconds * 1000 }),
        close: async () => {
          await cache.disconnect()
        },
      })
    },
  },
  {
    name: 'cache-manager (no tags)',
    package: 'cache-manager',
    hasMemory: true,
    hasRedis: true,
    open: async (url) => {
      const stores = [new Keyv(), new Keyv({ store: new KeyvRedis(url) })]
      const cache = createManager({ stores, ttl: ttlSeconds * 1000 })
      return Promise.resolve({
        getOrSet: (key, loader) => cache.wrap(key, loader),
        close: async () => {
          await cache.disconnect()
        },
      })
    },
  },
  {
    name: 'async-cache-dedupe (memory)',
    package: 'async-cache-dedupe',
    hasMemory: true,
    hasRedis: false,
    open: () => {
      const loaders = new Map<string, () => Promise<unknown>>()
      const cache = createDedupe({
        ttl: ttlSeconds,
        storage: { type: 'memory', options: { size: 100_000, invalidation: true } },
      }).define('value', { references: () => [...tags] }, async (key: string) => loaders.get(key)?.())
      return Promise.resolve({
        getOrSet: (key, loader) => {
          loaders.set(key, loader)
          return Promise.resolve(cache.value(key))
        },
        close: () => Promise.resolve(),
      })
    },
  },
  {
    name: 'async-cache-dedupe (Redis)',
    package: 'async-cache-dedupe',
    hasMemory: false,
    hasRedis: true,
    open: (url) => {
      const client = new Redis(url)
      const loaders = new Map<string, () => Promise<unknown>>()
      const cache = createDedupe({
        ttl: ttlSeconds,
        storage: { type: 'redis', options: { client, invalidation: { referencesTTL: ttlSeconds } } },
      }).define('value', { references: () => [...tags] }, async (key: string) => loaders.get(key)?.())
      return Promise.resolve({
        getOrSet: (key, loader) => {
          loaders.set(key, loader)
          return Promise.resolve(cache.value(key))
        },
        close: async () => {
          await client.quit()
        },
      })
    },
  },
]
