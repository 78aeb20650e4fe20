import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { type RedisConnection } from '@stayfast/redis-connection'
import { Type } from 'typebox'
import { packageInfo } from '../package-info.js'

const Status = Type.Union([Type.Literal('ok'), Type.Literal('degraded')])

const Root = Type.Object({
  name: Type.String(),
  version: Type.String(),
  status: Status,
  redis: Type.String({ description: 'The state of the link to Redis; off where none is configured' }),
})

const Health = Type.Object({
  status: Status,
  redis: Type.Object({
    status: Type.Union([Type.Literal('healthy'), Type.Literal('unhealthy'), Type.Literal('disabled')]),
    latency: Type.Union([Type.String({ pattern: '^\\d+ms$' }), Type.Null()]),
    connected: Type.Boolean(),
  }),
})

/** `/` and `/api/v1/health`: open to everybody, and quick whatever Redis does. */
export const statusRoutes: FastifyPluginCallbackTypebox<{
  redis: Pick<RedisConnection, 'status' | 'check'>
}> = (app, { redis }, done) => {
  const about = { tags: ['status'] }

  // A check that was made before answers at once: one that hangs gives what the last one found.
  app.addHook('onReady', async () => {
    await redis.check()
  })

  app.get('/', { schema: { ...about, summary: 'What runs here', response: { 200: Root } } }, () => {
    const link = redis.status
    const status = link === 'up' || link === 'off' ? 'ok' : 'degraded'
    return { name: packageInfo.name, version: packageInfo.version, status, redis: link } as const
  })

  app.get(
    '/api/v1/health',
    { schema: { ...about, summary: 'Whether the app and its Redis are well', response: { 200: Health } } },
    async (_request, reply) => {
      const { status, connected, latencyMs } = await redis.check()
      reply.header('cache-control', 'no-store')
      return {
        status: status === 'unhealthy' ? ('degraded' as const) : ('ok' as const),
        redis: { status, latency: latencyMs === null ? null : `${latencyMs}ms`, connected },
      }
    },
  )

  done()
}
