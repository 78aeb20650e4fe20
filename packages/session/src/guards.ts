import type { FastifyReply, FastifyRequest } from 'fastify'
import { attachmentOf } from './attachment.js'
import {
  NotFreshError,
  RoleMissingError,
  sessionUnavailable,
  SessionOptionError,
  SignInRequiredError,
} from './errors.js'
import { checkOrigin } from './origin.js'
import type { Principal } from './session-about.js'
import type { SessionGuard, Sessions } from './sessions.js'

/** The guards of `app.sessions`. */
export type Guards = Pick<
  Sessions,
  'requireAuth' | 'requireRole' | 'requireFresh' | 'requireOwnOrigin' | 'requireCsrf'
>

/** Makes the guards of `app.sessions`. */
export function createGuards({
  retryAfterSeconds,
  trustedOrigins,
}: {
  readonly retryAfterSeconds: number
  readonly trustedOrigins: readonly string[]
}): Omit<Guards, 'requireCsrf'> {
  const guard =
    (check: (request: FastifyRequest) => void): SessionGuard =>
    // Async, so that what is thrown inside rejects.
    async (request, reply) => {
      try {
        check(request)
      } catch (error) {
        sayWhenToRetry(reply, error, retryAfterSeconds)
        throw error
      }
    }

  return {
    requireAuth: guard((request) => {
      signedIn(request)
    }),

    requireRole(...roles) {
      if (roles.length === 0) throw new SessionOptionError('requireRole takes at least one role.')
      return guard((request) => {
        const principal = verified(request, retryAfterSeconds)
        if (!roles.some((role) => principal.roles.includes(role))) throw new RoleMissingError()
      })
    },

    requireOwnOrigin: guard((request) => {
      checkOrigin(request, trustedOrigins)
    }),

    requireFresh({ withinMs }) {
      if (typeof withinMs !== 'number' || !(withinMs > 0)) {
        throw new SessionOptionError('requireFresh takes { withinMs }, a number of milliseconds above 0.')
      }
      return guard((request) => {
        verified(request, retryAfterSeconds)
        // By the clock of the store, on which all processes agree.
        const ageMs = attachmentOf(request.session)?.ageMs ?? Infinity
        if (ageMs > withinMs) throw new NotFreshError()
      })
    },
  }
}

/** @throws STAY_SESSION_REQUIRED, STAY_SESSION_UNAVAILABLE */
function signedIn(request: FastifyRequest): Principal {
  const attachment = attachmentOf(request.session)
  if (attachment?.state.kind === 'away') throw attachment.state.cause
  const principal = attachment?.principal
  if (principal === null || principal === undefined) throw new SignInRequiredError()
  return principal
}

/** Who may do what can have changed since this process last heard of it: Redis has to say so now. */
function verified(request: FastifyRequest, retryAfterSeconds: number): Principal {
  const principal = signedIn(request)
  const state = attachmentOf(request.session)?.state
  if (state?.kind === 'stored' && !state.verified) {
    throw sessionUnavailable(
      new Error('the session is known from memory only, which is not enough for this'),
      'not-sent',
      retryAfterSeconds,
    )
  }
  return principal
}

/** The error carries the header too, but an error handler of the app's own may not look there. */
export function sayWhenToRetry(reply: FastifyReply, error: unknown, retryAfterSeconds: number): void {
  if (error instanceof Error && 'statusCode' in error && error.statusCode === 503) {
    reply.header('retry-after', String(retryAfterSeconds))
  }
}
