import taggedCache from '@stayfast/tagged-cache'
import Fastify from 'fastify'
import { findShop, renameShop } from './database.js'

const app = Fastify({ logger: true })
await app.register(taggedCache, { redis: false })
await app.ready()

// bento.getOrSet({ key, factory, ttl: '5m', grace: '1h', tags })
const shop = await app.taggedCache.getOrSet('shop:1', () => findShop('1'), {
  ttlSeconds: 300,
  staleIfErrorSeconds: 3600,
  tags: ['shops', 'shop:1'],
})
// bento.deleteByTag({ tags: ['shop:1'] })
await renameShop('1', 'new name')
await app.taggedCache.invalidateTags(['shop:1'])
const renamed = await app.taggedCache.getOrSet('shop:1', () => findShop('1'), { tags: ['shop:1'] })

console.log(JSON.stringify([shop, renamed]))
await app.close()
