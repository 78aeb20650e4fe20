import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { Sessions } from '@stayfast/session'
import { principalOf } from '../accounts/principal-of.js'
import { ADMIN_ROLE } from '../accounts/vendor-access.js'
import type { CommonFigures } from './live-report.js'
import type { LiveStreams } from './live-streams.js'

/** `/dashboard/events`: the figures of the live panel as server-sent events. */
export const liveRoutes: FastifyPluginCallbackTypebox<{
  sessions: Pick<Sessions, 'requireAuth' | 'list'>
  streams: LiveStreams<CommonFigures>
}> = (app, { sessions, streams }, done) => {
  app.addHook('preClose', (next) => {
    streams.close()
    next()
  })

  app.get(
    '/dashboard/events',
    // A HEAD would open a stream that nobody reads.
    { onRequest: sessions.requireAuth, exposeHeadRoute: false, schema: { hide: true } },
    (request, reply) => {
      const { userId, roles } = principalOf(request)
      const { body } = streams.open({
        userId,
        admin: roles.includes(ADMIN_ROLE),
        // While Redis is away nobody can tell where else the user is signed in.
        sessions: () => sessions.list(userId, { request }).catch(() => undefined),
      })
      return reply
        .type('text/event-stream; charset=utf-8')
        .header('cache-control', 'no-store, no-transform')
        .header('x-accel-buffering', 'no')
        .send(body)
    },
  )

  done()
}
