import type { FastifyInstance, FastifyReply, FastifyRequest, Session } from 'fastify'
import { attach, attachmentOf } from './attachment.js'
import { isLocalDevelopment, type CookieRules } from './cookie-rules.js'
import type { FastifySessionStore, TenantLookup } from './fastify-session-store.js'
import { changeBetween, fieldTexts, hasFields } from './session-fields.js'

type RequestSession = FastifyRequest['session']
type Callback = (error?: unknown) => void

/**
 * The session object of a request: what \@fastify/session makes of the cookie, with what it lacks.
 *
 * - `isModified` compares the fields with what was loaded, and is true for a cookie that has to be sent again
 * - `destroy` leaves an empty session behind and not `null`
 * - `regenerate` and `reload` leave one behind that has all this as well, and the tenant of the request
 */
export class RequestSessions {
  readonly #app: FastifyInstance
  readonly #rules: CookieRules
  readonly #store: FastifySessionStore
  readonly #renamed = new WeakSet()
  /** Which tenant the session of a visitor is good for; set by the plugin. */
  tenantOf: ((request: FastifyRequest) => ReturnType<TenantLookup>) | undefined

  constructor(app: FastifyInstance, rules: CookieRules, store: FastifySessionStore) {
    this.#app = app
    this.#rules = rules
    this.#store = store
  }

  /**
   * Before \@fastify/session reads the cookie: finds it under its other names, and among several of one
   * name the one that is genuine.
   */
  findCookie(request: FastifyRequest, isGenuine: (cookie: string) => boolean): void {
    const { name, acceptNames } = this.#rules
    // Until the session is asked for, which is in this turn, or not at all.
    this.#store.handOver = true
    this.#parseCookies(request)
    const names = isLocalDevelopment(this.#rules, request)
      ? [this.#rules.plainName, ...acceptNames]
      : acceptNames
    const header = request.headers.cookie
    if (header === undefined) return
    const given = request.cookies[name]
    if (given !== undefined && !isRepeated(header, name)) return
    for (const each of [name, ...names]) {
      const genuine = valuesOf(header, each, this.#app).find(isGenuine)
      if (genuine === undefined) continue
      request.cookies[name] = genuine
      if (each !== name && each !== this.#rules.plainName) this.#renamed.add(request)
      return
    }
  }

  /** Before \@fastify/session reads the cookie: it finds none, and asks the store nothing. */
  overlookCookie(request: FastifyRequest): void {
    this.#parseCookies(request)
    Reflect.deleteProperty(request.cookies, this.#rules.name)
  }

  /** After \@fastify/session has made the session object. */
  adopt(request: FastifyRequest): void {
    this.#store.handOver = false
    const session = request.session
    const attachment = attachmentOf(session)
    if (attachment !== undefined) {
      attach(session, attachment)
      if (attachment.values !== undefined) Object.assign(session, attachment.values)
      attachment.values = undefined
      const cookie = request.cookies[this.#rules.name]
      // A secret was rotated, or the cookie has another name now.
      attachment.reissue = session.encryptedSessionId !== cookie || this.#renamed.has(request)
    }
    this.#equip(request, session)
  }

  /** To a request for one tenant a session of another is nothing, but stays what it is to that one. */
  bind(request: FastifyRequest, tenantId: string | null | undefined): void {
    const about = attachmentOf(request.session)?.about
    const bound = about?.tenantId
    if (bound === undefined || tenantId === undefined || tenantId === null || bound === tenantId) return
    Reflect.deleteProperty(request.cookies, this.#rules.name)
    this.renew(request)
  }

  /** An empty session in place of what there is; with a tag its id is that of a user's session. */
  renew(request: FastifyRequest, tag?: string): RequestSession {
    const make = (): void => {
      // No cookie is signed like that: @fastify/session makes a new session, before it returns.
      this.#app.decryptSession('', request, () => undefined)
    }
    if (tag === undefined) make()
    else this.#store.withTag(request, tag, make)
    this.#equip(request, request.session)
    return request.session
  }

  /**
   * Before \@fastify/session sends the cookie. Where it would take it away it does so without `Secure`,
   * and browsers then keep a cookie whose name begins with `__Host-` or `__Secure-`.
   */
  clearCookieIfGone(request: FastifyRequest, reply: FastifyReply): void {
    // Turned away before anybody looked at the cookie, by a limiter for example.
    if (!isParsed(request)) return
    const cookie = request.cookies[this.#rules.name]
    if (cookie === undefined) return
    if (isGone(request.session, cookie)) this.clearCookie(request, reply)
  }

  /** Takes the cookie away, under each name it came with. */
  clearCookie(request: FastifyRequest, reply: FastifyReply): void {
    const { name, plainName, acceptNames, attributes } = this.#rules
    const local = isLocalDevelopment(this.#rules, request)
    const sent = this.#app.parseCookie(request.headers.cookie ?? '')
    for (const each of new Set([name, ...acceptNames, ...(local ? [plainName] : [])])) {
      if (sent[each] === undefined) continue
      reply.clearCookie(each, each === plainName && local ? { ...attributes, secure: false } : attributes)
    }
    Reflect.deleteProperty(request.cookies, name)
  }

  /** Where the app lets \@fastify/cookie parse later, or not at all. */
  #parseCookies(request: FastifyRequest): void {
    if (!isParsed(request)) request.cookies = this.#app.parseCookie(request.headers.cookie ?? '')
  }

  #equip(request: FastifyRequest, session: RequestSession): void {
    if (typeof session.sessionId !== 'string') return
    if (isLocalDevelopment(this.#rules, request)) session.cookie.secure = false
    const { tenantOf } = this
    if (tenantOf !== undefined && attachmentOf(session) === undefined) {
      this.#store.bindNew(session, () => tenantOf(request))
    }
    Object.defineProperties(session, {
      isModified: ownIsModified,
      destroy: ownMethod((callback?: Callback) => settle(this.#destroy(request, session), callback)),
      regenerate: ownMethod((keys?: readonly string[] | Callback, callback?: Callback) =>
        typeof keys === 'function'
          ? settle(this.#regenerate(request, session, []), keys)
          : settle(this.#regenerate(request, session, keys ?? []), callback),
      ),
      reload: ownMethod((callback?: Callback) => settle(this.#reload(request, session), callback)),
    })
  }

  async #end(session: RequestSession): Promise<void> {
    const attachment = attachmentOf(session)
    if (attachment === undefined) return
    await this.#store.end(attachment.address)
    attachment.state = { kind: 'ended' }
  }

  async #destroy(request: FastifyRequest, session: RequestSession): Promise<void> {
    await this.#end(session)
    if (request.session === session) this.renew(request)
  }

  async #regenerate(
    request: FastifyRequest,
    session: RequestSession,
    keys: readonly string[],
  ): Promise<void> {
    const kept = keys.map((key): [string, unknown] => [key, Reflect.get(session, key)])
    await this.#end(session)
    const next = this.renew(request)
    Object.assign(next, Object.fromEntries(kept))
    await next.save()
    const attachment = attachmentOf(next)
    if (attachment !== undefined) attachment.reissue = true
  }

  async #reload(request: FastifyRequest, session: RequestSession): Promise<void> {
    // That of @fastify/session is behind it.
    Reflect.deleteProperty(session, 'reload')
    await session.reload()
    const attachment = attachmentOf(request.session)
    if (attachment === undefined) {
      // It has ended meanwhile, and nothing may be stored under its id again.
      this.renew(request)
      return
    }
    attach(request.session, attachment)
    this.#equip(request, request.session)
  }
}

const ownMethod = (value: unknown): PropertyDescriptor => ({ value, configurable: true, writable: true })

/** A promise, or the callback is told. */
function settle(work: Promise<void>, callback: Callback | undefined): Promise<void> | undefined {
  if (callback === undefined) return work
  work.then(() => {
    callback()
  }, callback)
  return undefined
}

function isModified(this: Session): boolean {
  const attachment = attachmentOf(this)
  if (attachment === undefined) return hasFields(this)
  if (attachment.state.kind === 'ended') return false
  return attachment.reissue || changeBetween(attachment.baseline, fieldTexts(this)).size > 0
}

/** Made once: with each request it would cost more than the rest of what is done to a session object. */
const ownIsModified = Object.freeze({ value: isModified, configurable: true, writable: true })

function isParsed({ cookies }: { readonly cookies: object | null }): boolean {
  return cookies !== null
}

/** @param session - Null after the destroy() of an object that is not ours. */
function isGone(session: RequestSession | null, cookie: string): boolean {
  if (session === null) return true
  // Outside the path of the cookie there is no session at all.
  if (typeof session.sessionId !== 'string') return false
  return session.encryptedSessionId !== cookie && !session.isModified()
}

function isRepeated(header: string, name: string): boolean {
  const first = header.indexOf(`${name}=`)
  return first >= 0 && header.includes(`${name}=`, first + 1)
}

/** Each costs a signature: nobody may ask for as many as fit into a header. Browsers send one or two. */
const mostCandidates = 64

function valuesOf(header: string, name: string, app: FastifyInstance): string[] {
  return header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .slice(0, mostCandidates)
    .flatMap((pair) => app.parseCookie(pair)[name] ?? [])
}
