import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { Sessions } from '@stayfast/session'
import { tags, type TaggedCache } from '@stayfast/tagged-cache'
import { Type } from 'typebox'
import { ADMIN_ROLE } from '../accounts/vendor-access.js'
import { errorResponses } from '../api/error-response.js'
import type { ShopFigures } from '../catalogue/shop-figures.js'

const METRICS_FRESH_SECONDS = 300

const Metrics = Type.Object({
  vendorCount: Type.Integer(),
  productCount: Type.Integer(),
  orderCount: Type.Integer(),
  revenueCents: Type.Integer(),
  vendors: Type.Array(
    Type.Object({
      vendorId: Type.String(),
      name: Type.String(),
      productCount: Type.Integer(),
      orderCount: Type.Integer(),
      revenueCents: Type.Integer(),
    }),
  ),
})
const CacheStats = Type.Object(
  {
    hits: Type.Integer(),
    misses: Type.Integer(),
    hitRate: Type.Number({ description: 'Percent' }),
    totalKeys: Type.Integer(),
    memoryUsage: Type.Integer({ description: 'Bytes' }),
  },
  { additionalProperties: true },
)

/** `/api/admin`: what an operator wants to see; for admins. */
export const adminRoutes: FastifyPluginCallbackTypebox<{
  sessions: Pick<Sessions, 'requireRole'>
  cache: Pick<TaggedCache, 'stats'>
  figures: ShopFigures
}> = (app, { sessions, cache, figures }, done) => {
  app.addHook('onRequest', sessions.requireRole(ADMIN_ROLE))
  const about = { tags: ['admin'] }

  app.get(
    '/metrics',
    {
      schema: {
        ...about,
        summary: 'The figures of all vendors together',
        response: { 200: Metrics, ...errorResponses },
      },
      config: {
        cache: {
          ttlSeconds: METRICS_FRESH_SECONDS,
          key: () => 'admin:metrics',
          tags: [tags.products, tags.orders],
        },
      },
    },
    () => figures.metrics(),
  )

  app.get(
    '/cache/stats',
    {
      schema: {
        ...about,
        summary: 'What the cache did, in this process or over all of them',
        querystring: Type.Object({
          scope: Type.Optional(Type.Union([Type.Literal('process'), Type.Literal('fleet')])),
        }),
        response: { 200: CacheStats, ...errorResponses },
      },
    },
    async ({ query }) =>
      query.scope === 'fleet' ? cache.stats({ scope: 'fleet' }) : cache.stats({ scope: 'process' }),
  )

  done()
}
