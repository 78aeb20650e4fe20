import { adoptClient } from '@stayfast/redis-kit'
import { eventually } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import { CacheEngine } from '../../dist/cache-engine.js'
import { rootScope } from '../../dist/scope.js'
import { ScopedCache } from '../../dist/scoped-cache.js'
import { settings } from '../open-cache.js'

/** One of several processes that all want the same value when they are told to begin. */
const url = process.env['REDIS_URL'] ?? ''
const redis = new Redis(url)
const starter = new Redis(url)
const link = adoptClient(redis, { name: 'cache' })
const engine = new CacheEngine({ ...settings, link })
const cache = new ScopedCache(() => engine, rootScope)
await eventually(() => engine.shared?.trusted === true, { withinMs: 20_000 })

const load = async (): Promise<string> => {
  await redis.incr('loader-calls')
  await new Promise((resolve) => setTimeout(resolve, 300))
  return 'one'
}
await starter.subscribe('begin')
starter.on('message', () => {
  void Promise.all(Array.from({ length: 250 }, () => cache.getOrSet('k', load, { tags: ['x'] }))).then(
    async (values) => {
      console.log(`done ${new Set(values).size}`)
      await engine.close(0)
      await link.close()
      redis.disconnect()
      starter.disconnect()
    },
  )
})
console.log('ready')
