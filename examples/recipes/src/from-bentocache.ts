import redisConnection from '@stayfast/redis-connection'
import taggedCache from '@stayfast/tagged-cache'
import Fastify from 'fastify'

interface OneShop {
  Params: { id: string }
}

const names = new Map([['1', 'old name']])
let queries = 0
const findShop = (id: string): { id: string; name: string | undefined; queries: number } => {
  queries += 1
  return { id, name: names.get(id), queries }
}

const app = Fastify({ logger: true })
await app.register(redisConnection)
// Was: new BentoCache({ default: 'shops', stores: { shops: bentostore()
//        .useL1Layer(memoryDriver({ maxItems: 10_000 })).useL2Layer(redisDriver({ connection }))
//        .useBus(redisBusDriver({ connection })) } })
await app.register(taggedCache, { maxLocalEntries: 10_000 })

app.get<OneShop>('/shops/:id', ({ params: { id } }) =>
  // Was: bento.getOrSet({ key: `shop:${id}`, factory: () => findShop(id), ttl: '5m', grace: '1h', tags })
  app.taggedCache.getOrSet(`shop:${id}`, () => findShop(id), {
    ttlSeconds: 300,
    staleIfErrorSeconds: 3600,
    tags: ['shops', `shop:${id}`],
  }),
)

app.put<OneShop & { Body: { name: string } }>('/shops/:id', async ({ params: { id }, body: { name } }) => {
  names.set(id, name)
  // Was: await bento.deleteByTag({ tags: [`shop:${id}`] })
  return app.taggedCache.invalidateTags([`shop:${id}`])
})

await app.listen({ port: Number(process.env.PORT ?? 3000) })
