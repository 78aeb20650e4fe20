import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { RedisConnection } from '@stayfast/redis-connection'
import { Type } from 'typebox'
import { packageInfo } from '../package-info.js'

const Root = Type.Object({
  name: Type.String(),
  version: Type.String(),
  status: Type.Union([Type.Literal('ok'), Type.Literal('degraded')]),
  redis: Type.String({ description: 'The state of the link to Redis; off where none is configured' }),
})

/** `/`: open to everybody, and quick whatever Redis does. */
export const statusRoutes: FastifyPluginCallbackTypebox<{
  redis: Pick<RedisConnection, 'status'>
}> = (app, { redis }, done) => {
  app.get('/', { schema: { tags: ['status'], summary: 'What runs here', response: { 200: Root } } }, () => {
    const link = redis.status
    const status = link === 'up' || link === 'off' ? 'ok' : 'degraded'
    return { name: packageInfo.name, version: packageInfo.version, status, redis: link } as const
  })

  done()
}
