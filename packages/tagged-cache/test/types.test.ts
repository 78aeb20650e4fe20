import Fastify from 'fastify'
import t from 'tap'
import taggedCache, { type TaggedCache } from '../dist/index.js'

t.test('a value has the type that its loader gives it', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(taggedCache, { redis: false })
  await app.ready()
  const cache: TaggedCache = app.taggedCache.forTenant('1')
  const shop = await cache.getOrSet('shop', () => ({ name: 'one', stock: 1 }))
  const stock: number = shop.stock
  t.equal(stock, 1)
  const found: { readonly name: string } | undefined = await cache.get<{ name: string }>('shop')
  t.equal(found?.name, 'one')
  const wrong = cache.getOrSet('other', () => 1, {
    // @ts-expect-error there is no such option
    ttl: 1,
  })
  await t.rejects(wrong, { code: 'STAY_CACHE_OPTION_INVALID' })
  const { processes } = await cache.stats({ scope: 'fleet' })
  t.equal(processes, 1)
})
