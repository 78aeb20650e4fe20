import type { Sessions } from '@stayfast/session'
import type { FastifyInstance, FastifyPluginCallback } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `false` on a route that changes nothing for who is signed in, so that it needs no token. */
    csrf?: false
  }
}

/**
 * Asks for the token of the session with everything that a cookie could change: a page elsewhere can make
 * the browser send the cookie, and cannot know the token.
 */
export const csrf: FastifyPluginCallback<{ sessions: Pick<Sessions, 'requireCsrf'> }> = fp(
  (app: FastifyInstance, { sessions }: { sessions: Pick<Sessions, 'requireCsrf'> }, done: () => void) => {
    app.addHook('onRequest', async (request, reply) => {
      if (request.principal === null || request.routeOptions.config.csrf === false) return
      await sessions.requireCsrf(request, reply)
    })
    done()
  },
)
