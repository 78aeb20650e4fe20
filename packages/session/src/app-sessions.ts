import type { FastifyReply, FastifyRequest } from 'fastify'
import { attachmentOf } from './attachment.js'
import { checkConnection, type CookieRules } from './cookie-rules.js'
import { csrfField, newCsrfSecret } from './csrf.js'
import { LoginInvalidError, SessionOptionError } from './errors.js'
import type { FastifySessionStore } from './fastify-session-store.js'
import { checkOrigin } from './origin.js'
import type { RequestSessions } from './request-sessions.js'
import { checkUser, isUserId, type Principal, type SessionUser } from './session-about.js'
import { addressOf, addressOfHandle, handleOf, tagOfUser } from './session-id.js'
import type { Guards } from './guards.js'
import type { Ended, LoginOptions, Sessions, SessionSummary } from './sessions.js'

/** A list of sessions is to be read by people. */
const deviceCharacters = 160

/** What {@link AppSessions} works with. */
export interface AppSessionsOptions {
  readonly store: FastifySessionStore
  readonly requests: RequestSessions
  readonly cookie: CookieRules
  readonly trustedOrigins: readonly string[]
  readonly csrf: boolean
}

/** The methods of `app.sessions`; its guards are in guards.ts. */
export class AppSessions implements Omit<Sessions, keyof Guards> {
  readonly #options: AppSessionsOptions

  constructor(options: AppSessionsOptions) {
    this.#options = options
  }

  async login(request: FastifyRequest, user: SessionUser, options: LoginOptions = {}): Promise<Principal> {
    const { store, requests, cookie, trustedOrigins, csrf } = this.#options
    const { userId, tenantId, roles } = checkUser(user)
    checkLogin(options)
    checkConnection(cookie, request)
    checkOrigin(request, trustedOrigins)
    const before = request.session
    const old = attachmentOf(before)
    const kept = Object.entries(before).filter(([name]) => options.keep?.includes(name) === true)

    const session = requests.renew(request, tagOfUser(userId))
    Object.assign(session, Object.fromEntries(kept), csrf ? { [csrfField]: newCsrfSecret() } : {})
    const address = addressOf(session.sessionId)
    const sameUser = old?.state.kind === 'stored' && old.address.tag === address.tag
    let attachment
    try {
      const device = (options.device ?? request.headers['user-agent'])?.slice(0, deviceCharacters)
      attachment = await store.begin(
        session,
        address,
        { userId, tenantId, roles, device },
        sameUser ? old.address : undefined,
      )
    } catch (error) {
      request.session = before
      throw error
    }
    attachment.reissue = true
    if (old !== undefined) {
      if (!sameUser && old.state.kind === 'stored') await store.end(old.address)
      old.state = { kind: 'ended' }
    }
    const { principal } = attachment
    if (principal === null) throw new Error('Somebody who has just signed in is signed in.')
    return principal
  }

  async logout(request: FastifyRequest, reply: FastifyReply): Promise<Ended> {
    const { store, requests } = this.#options
    const attachment = attachmentOf(request.session)
    const { durability } =
      attachment === undefined || attachment.state.kind === 'ended'
        ? { durability: 'redis' as const }
        : await store.end(attachment.address)
    if (attachment !== undefined) attachment.state = { kind: 'ended' }
    requests.clearCookie(request, reply)
    requests.renew(request)
    return { durability }
  }

  async list(
    userId: string,
    { request }: { readonly request?: FastifyRequest } = {},
  ): Promise<readonly SessionSummary[]> {
    const tag = tagOf(userId)
    const current = attachmentOf(request?.session)?.address.digest
    const sessions = await this.#options.store.sessions.list(tag)
    return sessions.map((listed) => ({
      id: handleOf({ tag, digest: listed.digest }),
      device: this.#options.store.aboutListed(listed).device,
      createdAt: new Date(listed.createdMs).toISOString(),
      lastSeenAt: new Date(listed.seenMs).toISOString(),
      current: listed.digest === current,
    }))
  }

  csrfToken(reply: FastifyReply): string {
    if (!this.#options.csrf) throw new SessionOptionError('csrfToken needs the option csrf: true.')
    return reply.generateCsrf()
  }

  async revoke(
    id: string,
    options: { readonly userId?: string } = {},
  ): Promise<Ended & { readonly existed: boolean }> {
    // A user who is given and is nobody must not stand for everybody.
    const tag = 'userId' in options ? tagOf(options.userId) : undefined
    const address = addressOfHandle(id)
    if (address === undefined || (tag !== undefined && address.tag !== tag)) {
      return { existed: false, durability: 'redis' }
    }
    return this.#options.store.end(address)
  }

  async revokeAll(
    userId: string,
    { except }: { readonly except?: FastifyRequest | string } = {},
  ): Promise<Ended & { readonly revoked: number }> {
    const tag = tagOf(userId)
    const kept =
      typeof except === 'string'
        ? addressOfHandle(except)?.digest
        : attachmentOf(except?.session)?.address.digest
    return this.#options.store.sessions.revokeAll(tag, kept)
  }
}

/** @throws STAY_SESSION_LOGIN_INVALID when it is no user: apps in plain JavaScript pass what they like. */
function tagOf(userId: unknown): string {
  if (isUserId(userId)) return tagOfUser(userId)
  throw new LoginInvalidError('userId is a text that is not empty, of whole characters')
}

const loginOptions: readonly string[] = ['keep', 'device'] satisfies (keyof LoginOptions)[]

/** @throws STAY_SESSION_LOGIN_INVALID: what is misspelt would be left behind in silence. */
function checkLogin(options: unknown): void {
  if (typeof options !== 'object' || options === null) {
    throw new LoginInvalidError('the options of login are { keep, device }')
  }
  const unknown = Object.keys(options).find((option) => !loginOptions.includes(option))
  if (unknown !== undefined) throw new LoginInvalidError(`login has no option "${unknown}"`)
  const keep: unknown = 'keep' in options ? options.keep : undefined
  if (keep !== undefined && !(Array.isArray(keep) && keep.every((name) => typeof name === 'string'))) {
    throw new LoginInvalidError('keep is a list of names of fields')
  }
  const device: unknown = 'device' in options ? options.device : undefined
  if (device !== undefined && typeof device !== 'string') throw new LoginInvalidError('device is a text')
}
