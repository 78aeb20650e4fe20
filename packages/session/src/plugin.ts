import fastifyCookie from '@fastify/cookie'
import fastifyCsrfProtection from '@fastify/csrf-protection'
import fastifySession from '@fastify/session'
import {
  offerHealthReport,
  resolveLink,
  tellStart,
  type HealthReport,
  type ResolvedLink,
} from '@stayfast/redis-kit'
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { adoptedStore } from './adopted-store.js'
import { AppSessions } from './app-sessions.js'
import { attachmentOf } from './attachment.js'
import { isLocalDevelopment, type CookieRules } from './cookie-rules.js'
import { CookieSigner } from './cookie-signer.js'
import { createCsrfGuard, csrfField } from './csrf.js'
import {
  DecoratorTakenError,
  SessionOptionError,
  SessionsNotReadyError,
  TenantInvalidError,
} from './errors.js'
import { FastifySessionStore } from './fastify-session-store.js'
import { createGuards } from './guards.js'
import { openStore, type OpenStore } from './open-store.js'
import { checkOptions, defaultStoreOptions, type CheckedOptions, type SessionOptions } from './options.js'
import { RequestSessions } from './request-sessions.js'
import type { Principal } from './session-about.js'
import { sessionCipher } from './session-cipher.js'
import type { Sessions } from './sessions.js'

declare module 'fastify' {
  interface FastifyInstance {
    sessions: Sessions
  }
  interface FastifyRequest {
    /** Who is signed in; null for a visitor. */
    principal: Principal | null
  }
  interface FastifyContextConfig {
    /** `false` on a route that is the same for everybody, such as a probe or an asset: the cookie is not looked at. */
    session?: false
  }
}

async function register(app: FastifyInstance, given: SessionOptions): Promise<void> {
  const options = checkOptions(given)
  checkNames(app, options)
  const adopted = app.hasPlugin('@fastify/session') ? adoptedStore(app) : undefined
  if (adopted !== undefined) checkAdopting(given)
  const own: OwnStore = adopted === undefined ? openWhenReady(app, options) : { store: adopted }
  const { store } = own
  store.answerAway = true
  const cookie = adopted === undefined ? options.cookie : adoptedCookie(given, options.cookie)
  const requests = new RequestSessions(app, cookie, store)

  if (adopted === undefined) await registerSession(app, options, requests, store)
  else app.addHook('onReady', () => adopted.ready())
  app.addHook('onRequest', (request, _reply, done) => {
    requests.adopt(request)
    done()
  })
  if (options.tenantOf !== undefined) bindToTenants(app, options.tenantOf, requests)
  if (options.csrf && !app.hasPlugin('@fastify/csrf-protection')) {
    await app.register(fastifyCsrfProtection, { sessionPlugin: '@fastify/session', sessionKey: csrfField })
  }

  const methods = new AppSessions({ ...options, cookie, store, requests })
  const requireCsrf = createCsrfGuard(app, options)
  const sessions = Object.assign(methods, createGuards(options), { requireCsrf })
  app.decorate<Sessions>(options.decorateAs, sessions)
  offerHealthReport(sessions, () => ({ plugin: 'session', holds: 'data', ...own.report?.() }))
  app.decorateRequest(options.decorateRequestAs, {
    getter(this: FastifyRequest) {
      return attachmentOf(this.session)?.principal ?? null
    },
  })
}

function checkNames(app: FastifyInstance, { decorateAs, decorateRequestAs }: CheckedOptions): void {
  if (app.hasDecorator(decorateAs)) {
    throw new DecoratorTakenError('app', decorateAs, 'decorateAs', 'userSessions')
  }
  if (app.hasRequestDecorator(decorateRequestAs)) {
    throw new DecoratorTakenError('request', decorateRequestAs, 'decorateRequestAs', 'signedIn')
  }
  if (!app.hasPlugin('@fastify/session') && app.hasRequestDecorator('session')) {
    throw new DecoratorTakenError(
      'request',
      'session',
      'of that plugin',
      'sessionName of @fastify/secure-session',
    )
  }
}

/** What an app decides where it registers \@fastify/session and makes its store. */
function checkAdopting(given: SessionOptions): void {
  const theirs = ['redis', 'legacy', 'secret', ...Object.keys(defaultStoreOptions)]
  const elsewhere = Object.keys(given).find((option) => theirs.includes(option))
  if (elsewhere === undefined) return
  throw new SessionOptionError(
    `@fastify/session is registered already, so the option ${elsewhere} has to go there: to createSessionStore, or to @fastify/session itself.`,
  )
}

/** The name that \@fastify/session gives it; its other attributes are for that registration to say. */
function adoptedCookie(given: SessionOptions, cookie: CookieRules): CookieRules {
  const name = given.cookieName ?? 'sessionId'
  return { ...cookie, name, plainName: name, acceptNames: [], development: cookie.development }
}

function bindToTenants(
  app: FastifyInstance,
  tenantOf: NonNullable<SessionOptions['tenantOf']>,
  requests: RequestSessions,
): void {
  const checkedTenantOf = async (request: FastifyRequest): Promise<string | undefined> => {
    const tenantId: unknown = await tenantOf(request)
    if (typeof tenantId === 'string') return tenantId
    // Bound to something else, a session would be good nowhere.
    if (tenantId !== undefined && tenantId !== null) throw new TenantInvalidError()
    return undefined
  }
  // Whose a visitor is matters only if the session is ever stored.
  requests.tenantOf = checkedTenantOf
  app.addHook('onRequest', async (request) => {
    if (attachmentOf(request.session) !== undefined) requests.bind(request, await checkedTenantOf(request))
  })
}

/** A store, and what is known of where it works. */
interface OwnStore {
  readonly store: FastifySessionStore
  readonly report?: () => Pick<HealthReport, 'link' | 'counts'>
}

/** Opens the store when the app is ready: what is registered after this plugin counts as well. */
function openWhenReady(app: FastifyInstance, options: CheckedOptions): OwnStore {
  let open: OpenStore | undefined
  let resolved: ResolvedLink | undefined
  app.addHook('onReady', async () => {
    resolved = resolveLink(app, options.redis, { role: 'default', share: options.share })
    open = openStore(resolved?.link, options, app.log)
    await open.ready()
    tellStart(app.log, 'session', resolved)
    if (options.secretIsRandom) {
      app.log.warn(
        'session: SESSION_SECRET is not set, so this process signs with one of its own: other processes do not know its sessions, and a restart signs everybody out.',
      )
    }
  })
  app.addHook('onClose', async () => {
    await open?.close()
    if (resolved?.owned === true) await resolved.link.close()
  })
  const store = new FastifySessionStore({
    store: () => {
      if (open === undefined) throw new SessionsNotReadyError()
      return open.store
    },
    maxBytes: options.maxBytes,
    cipher: sessionCipher(options.encryptionKeys),
    logger: () => app.log,
  })
  return { store, report: () => ({ link: resolved?.link, counts: open?.counts() }) }
}

async function registerSession(
  app: FastifyInstance,
  options: CheckedOptions,
  requests: RequestSessions,
  store: FastifySessionStore,
): Promise<void> {
  const { cookie, absoluteSeconds } = options
  const signer = new CookieSigner(options.secrets)
  if (!app.hasPlugin('@fastify/cookie')) await app.register(fastifyCookie)
  app.addHook('onRequest', (request, _reply, done) => {
    if (request.routeOptions.config.session === false) requests.overlookCookie(request)
    else requests.findCookie(request, (value) => signer.unsign(value).valid)
    done()
  })
  app.addHook('onSend', (request, reply, _payload, done) => {
    requests.clearCookieIfGone(request, reply)
    done()
  })
  await app.register(fastifySession, {
    store,
    idGenerator: store.idGenerator,
    secret: {
      sign: (id) => signer.sign(id),
      unsign: (value) => signer.unsign(value),
    },
    cookieName: cookie.name,
    // The store ends a session that is not used; the cookie need not be sent again for that.
    cookie: { ...cookie.attributes, maxAge: absoluteSeconds * 1000 },
    saveUninitialized: false,
    rolling: false,
  })
  if (cookie.development && cookie.attributes.secure) sendPlainNameLocally(app, options)
}

/** Over plain http on this machine browsers refuse the prefixed name. */
function sendPlainNameLocally(app: FastifyInstance, { cookie: rules }: CheckedOptions): void {
  let told = false
  app.addHook('onSend', (request, reply, _payload, done) => {
    const sent = reply.getHeader('set-cookie')
    if (sent !== undefined && isLocalDevelopment(rules, request)) {
      const cookies = (Array.isArray(sent) ? sent : [String(sent)]).map((each) =>
        each.startsWith(`${rules.name}=`) ? `${rules.plainName}${each.slice(rules.name.length)}` : each,
      )
      reply.removeHeader('set-cookie')
      reply.header('set-cookie', cookies)
      if (!told) {
        told = true
        request.log.info(
          `session: over plain http on this machine the cookie is called ${rules.plainName} and goes without Secure; elsewhere it is ${rules.name}, over https only.`,
        )
      }
    }
    done()
  })
}

/**
 * Sessions: sign-in, sign-out, guards; in Redis where there is one, in memory where there is none.
 * Decorates the app with {@link Sessions} and the request with {@link Principal}.
 */
export const session: FastifyPluginAsync<SessionOptions> = fp(register, {
  name: '@stayfast/session',
  fastify: '5.x',
})
