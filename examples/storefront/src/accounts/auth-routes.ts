import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import type { Principal, Sessions } from '@stayfast/session'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { errorResponses } from '../api/error-response.js'
import { SessionNotFoundError, SignInFailedError } from '../errors.js'
import { principalOf } from './principal-of.js'
import type { Users } from './users.js'

declare module 'fastify' {
  interface Session {
    /** The token that this session was given, so that it is told the same one whenever it asks. */
    csrfToken?: string
  }
}

/** Of an address: enough for who mistypes, too few for who guesses. */
const MOST_SIGN_INS = 20
const Text = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000]*$' })
const Credentials = Type.Object({ email: Text, password: Text }, { additionalProperties: false })
const SignedIn = Type.Object({
  userId: Type.String(),
  tenantId: Type.Union([Type.String(), Type.Null()], { description: 'The vendor; null for an admin' }),
  roles: Type.Array(Type.String()),
  csrfToken: Type.String({ description: 'Send it as x-csrf-token with everything that changes something' }),
})
const Session = Type.Object({
  id: Type.String(),
  device: Type.Union([Type.String(), Type.Null()]),
  createdAt: Type.String({ format: 'date-time' }),
  lastSeenAt: Type.String({ format: 'date-time' }),
  current: Type.Boolean(),
})

/** `/auth`: signing in and out, and the sessions on other devices. */
export const authRoutes: FastifyPluginCallbackTypebox<{
  users: Users
  sessions: Sessions
  /** Of everything else, for an address: sign-ins are never allowed more. 0 turns limits off. */
  requestLimit: number
  /** Somebody signed in or out, here or elsewhere. */
  onSessionsChanged: (userId: string) => void
}> = (app, { users, sessions, requestLimit, onSessionsChanged }, done) => {
  const about = { tags: ['sign-in'] }
  const signInLimit = {
    max: requestLimit === 0 ? MOST_SIGN_INS : Math.min(MOST_SIGN_INS, requestLimit),
    timeWindow: '15 minutes',
  }
  const signedIn = { onRequest: sessions.requireAuth }

  app.post(
    '/login',
    {
      // The Origin is checked instead: who signs in has no token yet, or one of an earlier session.
      config: { csrf: false, rateLimit: signInLimit },
      schema: {
        ...about,
        summary: 'Sign in',
        body: Credentials,
        response: { 200: SignedIn, ...errorResponses },
      },
    },
    async (request, reply) => {
      const { email, password } = request.body
      const user = await users.find(email, password)
      if (user === undefined) throw new SignInFailedError()
      const { id: userId, vendorId: tenantId, roles } = user
      const principal = await sessions.login(request, { userId, tenantId, roles })
      request.session.csrfToken = sessions.csrfToken(reply)
      onSessionsChanged(userId)
      return answer(sessions, principal, request, reply)
    },
  )

  app.post(
    '/logout',
    { schema: { ...about, summary: 'Sign out', response: { 204: Type.Null(), ...errorResponses } } },
    async (request, reply) => {
      const userId = request.principal?.userId
      await sessions.logout(request, reply)
      if (userId !== undefined) onSessionsChanged(userId)
      return reply.code(204).send(null)
    },
  )

  app.get(
    '/session',
    {
      ...signedIn,
      schema: { ...about, summary: 'Who is signed in', response: { 200: SignedIn, ...errorResponses } },
    },
    (request, reply) => answer(sessions, principalOf(request), request, reply),
  )

  app.get(
    '/sessions',
    {
      ...signedIn,
      schema: {
        ...about,
        summary: 'Where the user is signed in, the oldest first',
        response: { 200: Type.Array(Session), ...errorResponses },
      },
    },
    async (request) => {
      const listed = await sessions.list(principalOf(request).userId, { request })
      return listed.map((session) => ({ ...session, device: session.device ?? null }))
    },
  )

  app.delete(
    '/sessions/:id',
    {
      ...signedIn,
      schema: {
        ...about,
        summary: 'Sign out on another device',
        params: Type.Object({ id: Text }),
        response: { 204: Type.Null(), ...errorResponses },
      },
    },
    async (request, reply) => {
      const { userId } = principalOf(request)
      const { existed } = await sessions.revoke(request.params.id, { userId })
      if (!existed) throw new SessionNotFoundError()
      onSessionsChanged(userId)
      return reply.code(204).send(null)
    },
  )

  done()
}

function answer(
  sessions: Sessions,
  { userId, tenantId, roles }: Principal,
  { session }: FastifyRequest,
  reply: FastifyReply,
): { userId: string; tenantId: string | null; roles: string[]; csrfToken: string } {
  reply.header('cache-control', 'no-store')
  const csrfToken = session.csrfToken ?? sessions.csrfToken(reply)
  return { userId, tenantId: tenantId ?? null, roles: [...roles], csrfToken }
}
