import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Principal, SessionUser } from './session-about.js'
import type { Durability } from './stores/session-store.js'

/** How `login` begins the new session. */
export interface LoginOptions {
  /** Fields of the visitor's session that go along, such as a cart. Everything else is left behind. */
  readonly keep?: readonly string[]
  /** What the session is called in a list; the browser's User-Agent by default. */
  readonly device?: string
}

/** One session of a user. */
export interface SessionSummary {
  /** For `revoke`. It is not the secret in the cookie. */
  readonly id: string
  /** What the browser called itself at the sign-in. */
  readonly device: string | undefined
  /** ISO dates, by the clock of the store. */
  readonly createdAt: string
  readonly lastSeenAt: string
  /** It is the session of the request that was given. */
  readonly current: boolean
}

/** What ending sessions answers. */
export interface Ended {
  /**
   * `'redis'`: as durable as that Redis is configured. `'buffered'`: it holds in this process, and
   * everywhere once Redis is back. Without Redis it is always `'buffered'`.
   */
  readonly durability: Durability
}

/** A preHandler. */
export type SessionGuard = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

/** `app.sessions`. Its methods reject with coded errors, in which no id and no value ever stands. */
export interface Sessions {
  /**
   * Signs somebody in, under a new id, always: the session before it is gone. The cookie goes with the reply.
   *
   * @throws STAY_SESSION_LOGIN_INVALID when the user or an option is none; nothing was written.
   * @throws STAY_SESSION_INSECURE when the cookie could not come back; nothing was written.
   * @throws STAY_SESSION_ORIGIN_FOREIGN when a page of another origin asks; nothing was written.
   * @throws STAY_SESSION_REVOKED when all sessions of the user were revoked meanwhile.
   * @throws STAY_SESSION_UNAVAILABLE when Redis is away.
   */
  login(request: FastifyRequest, user: SessionUser, options?: LoginOptions): Promise<Principal>

  /** Signs out: the session is gone for every process, and the reply takes the cookie away. */
  logout(request: FastifyRequest, reply: FastifyReply): Promise<Ended>

  /**
   * The sessions of a user, the oldest first; of one that cannot be read no device is known.
   *
   * @throws STAY_SESSION_LOGIN_INVALID when `userId` is no user.
   * @throws STAY_SESSION_UNAVAILABLE when Redis is away.
   */
  list(userId: string, options?: { readonly request?: FastifyRequest }): Promise<readonly SessionSummary[]>

  /**
   * Ends one session.
   *
   * @param id - As `list` answers it.
   * @param options - With `userId` only if it is a session of that user.
   * @throws STAY_SESSION_LOGIN_INVALID when `userId` is given and is no user, `undefined` included.
   * @returns `existed: false` when there is none (of that user).
   */
  revoke(id: string, options?: { readonly userId?: string }): Promise<Ended & { readonly existed: boolean }>

  /**
   * Ends all sessions of a user, and those that are being created.
   *
   * @param options - `except`: the request whose session stays, or its id as `list` answers it.
   * @throws STAY_SESSION_LOGIN_INVALID when `userId` is no user.
   */
  revokeAll(
    userId: string,
    options?: { readonly except?: FastifyRequest | string },
  ): Promise<Ended & { readonly revoked: number }>

  /**
   * Lets in who is signed in: 401 STAY_SESSION_REQUIRED, or 503 STAY_SESSION_UNAVAILABLE where Redis is
   * away and nobody knows.
   */
  readonly requireAuth: SessionGuard

  /** Lets in who has one of these roles: 401, 403 STAY_SESSION_FORBIDDEN, 503. */
  requireRole(...roles: readonly string[]): SessionGuard

  /**
   * A token for the pages of this session, to come back in the header `x-csrf-token`.
   *
   * @throws STAY_SESSION_OPTION_INVALID with `csrf: false`.
   */
  csrfToken(reply: FastifyReply): string

  /**
   * Lets in what changes something only with the token of its session, and not from a page of another
   * origin: 403 FST_CSRF_MISSING_SECRET, FST_CSRF_INVALID_TOKEN or STAY_SESSION_ORIGIN_FOREIGN. What
   * brings no session passes, for there is nothing to forge.
   */
  readonly requireCsrf: SessionGuard

  /**
   * Refuses what a page of another origin sends: 403 STAY_SESSION_ORIGIN_FOREIGN; for what changes something
   * without asking for a session, and so for a token. Programs send no Origin, and are let through.
   */
  readonly requireOwnOrigin: SessionGuard

  /** Lets in who signed in within this time: 401 STAY_SESSION_NOT_FRESH, 503. */
  requireFresh(options: { readonly withinMs: number }): SessionGuard
}
