import csrfProtection from '@fastify/csrf-protection'
import { type FastifyInstance, type FastifyPluginAsync, type FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** `false` on a route that changes nothing for who is signed in, so that it needs no token. */
    csrf?: false
  }
}

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Asks for the token of the session, in the header `x-csrf-token`, with everything that a cookie could
 * change: a page elsewhere can make the browser send the cookie, and cannot know the token.
 */
export const csrf: FastifyPluginAsync = fp(async (app: FastifyInstance): Promise<void> => {
  await app.register(csrfProtection, {
    sessionPlugin: '@fastify/session',
    getToken: ({ headers }) => {
      const token = headers['x-csrf-token']
      return typeof token === 'string' ? token : undefined
    },
  })
  app.addHook('onRequest', (request, reply, done) => {
    if (needsToken(request)) app.csrfProtection(request, reply, done)
    else done()
  })
})

function needsToken({ method, principal, routeOptions }: FastifyRequest): boolean {
  return !SAFE_METHODS.has(method) && principal !== null && routeOptions.config.csrf !== false
}
