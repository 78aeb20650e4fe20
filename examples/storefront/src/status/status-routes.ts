import { type FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { packageInfo } from '../package-info.js'
import { RedisHealth, type RedisProbe } from './redis-health.js'

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
export const statusRoutes: FastifyPluginCallbackTypebox<{ redis: RedisProbe }> = (app, { redis }, done) => {
  const health = new RedisHealth(redis)
  const about = { tags: ['status'] }

  app.get('/', { schema: { ...about, summary: 'What runs here', response: { 200: Root } } }, () => {
    const link = redis.status
    const status = link === 'up' || link === 'off' ? 'ok' : 'degraded'
    return { name: packageInfo.name, version: packageInfo.version, status, redis: link } as const
  })

  app.get(
    '/api/v1/health',
    { schema: { ...about, summary: 'Whether the app and its Redis are well', response: { 200: Health } } },
    async (_request, reply) => {
      const report = await health.report()
      const status = report.status === 'unhealthy' ? 'degraded' : 'ok'
      return reply.header('cache-control', 'no-store').send({ status, redis: report })
    },
  )

  done()
}
