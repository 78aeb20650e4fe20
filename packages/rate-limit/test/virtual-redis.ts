import type { RedisServer } from '@stayfast/test-kit'
import { limitScripts } from '../dist/stores/limit-scripts.js'
import { RedisLimitStore } from '../dist/stores/redis-limit-store.js'
import type { RedisLink } from '@stayfast/redis-kit'

const clockKey = 'test:clock'

/** Counters in a real Redis whose scripts read the time from a key, so that a test can set it. */
export interface VirtualRedis {
  readonly store: RedisLimitStore
  setNow(us: number): Promise<void>
}

export function virtualRedis(server: RedisServer, link: RedisLink): VirtualRedis {
  return {
    store: new RedisLimitStore(link, '', limitScripts(`redis.call('HMGET', '${clockKey}', 's', 'us')`)),
    setNow: async (us) => {
      await server.command('hset', clockKey, 's', String(Math.floor(us / 1e6)), 'us', String(us % 1e6))
    },
  }
}
