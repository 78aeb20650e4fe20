import { randomBytes } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { attachmentOf } from './attachment.js'
import { SessionOptionError } from './errors.js'
import { sayWhenToRetry } from './guards.js'
import { checkOrigin } from './origin.js'
import type { SessionGuard } from './sessions.js'

/** Where \@fastify/csrf-protection keeps the secret in the session. */
export const csrfField = '_csrf'

/** As RFC 9110, section 9.2.1, says: they change nothing. */
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE'])

/** As @fastify/csrf makes them. Made at the sign-in, it costs no write of its own when a token is asked for. */
export function newCsrfSecret(): string {
  return randomBytes(18).toString('base64url')
}

/** Makes the guard that wants a token with every change that a session cookie authorises. */
export function createCsrfGuard(
  app: FastifyInstance,
  options: {
    readonly csrf: boolean
    readonly trustedOrigins: readonly string[]
    readonly retryAfterSeconds: number
  },
): SessionGuard {
  if (!options.csrf) {
    return () => Promise.reject(new SessionOptionError('requireCsrf needs the option csrf: true.'))
  }
  return function requireCsrf(request: FastifyRequest, reply: FastifyReply) {
    return new Promise((resolve) => {
      const { state } = attachmentOf(request.session) ?? {}
      // Where no cookie speaks for anybody there is nothing to forge.
      if (safeMethods.has(request.method) || state === undefined || state.kind === 'ended') {
        resolve(undefined)
        return
      }
      sayWhenToRetry(reply, options.retryAfterSeconds, () => {
        if (state.kind === 'away') throw state.cause
      })
      checkOrigin(request, options.trustedOrigins)
      const token = { passed: false }
      app.csrfProtection(request, reply, () => {
        token.passed = true
      })
      // It has answered 403 by itself where it did not pass.
      resolve(token.passed ? undefined : reply)
    })
  }
}
