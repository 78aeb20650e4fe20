import fastifyJwt from '@fastify/jwt'
import { Authenticator } from '@fastify/passport'
import fastifySession from '@fastify/session'
import fastifyCookie from '@fastify/cookie'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import session, { type LoginOptions, type SessionOptions, type Sessions } from '../dist/index.js'
import { loggingApp, secret } from './create-app.js'

declare module 'fastify' {
  interface FastifyInstance {
    accounts: Sessions
  }
}

async function boot(app: FastifyInstance): Promise<void> {
  await app.ready()
}

function refused(t: Test, options: object, message: RegExp): Promise<unknown> {
  const app = Fastify()
  app.register(session, { redis: false, secret, ...options })
  return t.rejects(boot(app), { code: 'STAY_SESSION_OPTION_INVALID', message }, String(message))
}

t.test('options that do not exist or cannot be are refused at the start', async (t) => {
  await refused(t, { cokieName: 'x' }, /no option "cokieName".*cookieName/)
  await refused(t, { secret: 'short' }, /secret.*at least 32/)
  await refused(t, { secret: [secret, 'short'] }, /at least 32/)
  await refused(t, { secret: [] }, /at least 32/)
  await refused(t, { idleSeconds: 60, renewEverySeconds: 60 }, /renewEverySeconds/)
  await refused(t, { idleSeconds: 800_000 }, /absoluteSeconds/)
  await refused(t, { cookieName: 'a b' }, /cookieName/)
  await refused(t, { cookieName: '__Host-x', cookieDomain: 'example.test' }, /__Secure-x/)
  await refused(t, { cookieName: '__Host-x', secure: false }, /secure: true/)
  await refused(t, { sameSite: 'none', secure: false }, /secure: true/)
  await refused(t, { sameSite: 'Lax' }, /'lax' or 'strict' or 'none'/)
  await refused(t, { trustedOrigins: ['example.test'] }, /origins/)
  await refused(t, { trustedOrigins: ['https://example.test/'] }, /origins/)
  await refused(t, { maxSessionsPerUser: 0 }, /whole number/)
  for (const cookieDomain of [
    'https://example.test',
    'example.test:443',
    'a.test; Path=/x',
    ' ',
    'a..test',
  ]) {
    await refused(t, { cookieDomain }, /cookieDomain.*a domain/)
  }
  await refused(t, { legacy: { prefix: 'sess:', convrt: false } }, /legacy.*convert/)
  const [one, other] = ['x'.repeat(32), 'y'.repeat(32)].map((key) => ({ id: 'a', key: Buffer.from(key) }))
  await refused(t, { encryptionKeys: [one, other] }, /each id its own/)
  await refused(t, { maxLocalSessions: 1e12 }, /maxLocalSessions/)
})

t.test('a COOKIE_DOMAIN that is none is refused at the start', async (t) => {
  process.env['COOKIE_DOMAIN'] = 'https://example.test'
  t.teardown(() => Reflect.deleteProperty(process.env, 'COOKIE_DOMAIN'))
  await refused(t, {}, /COOKIE_DOMAIN.*a domain/)
})

t.test('options are left as they were', async (t) => {
  const options: SessionOptions = Object.freeze({ redis: false, secret: [secret], acceptCookieNames: ['a'] })
  const before = JSON.stringify(options)
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(session, options)
  await app.ready()
  t.equal(JSON.stringify(options), before)
})

t.test('a name that another plugin has is told, with the option that chooses another', async (t) => {
  const user = Fastify()
  user.register(fastifyJwt, { secret })
  user.register(session, { redis: false, secret, decorateRequestAs: 'user' })
  await t.rejects(boot(user), { code: 'STAY_SESSION_DECORATOR_TAKEN', message: /"user".*decorateRequestAs/ })

  const sessions = Fastify()
  sessions.decorate<unknown>('sessions', undefined)
  sessions.register(session, { redis: false, secret })
  await t.rejects(boot(sessions), { code: 'STAY_SESSION_DECORATOR_TAKEN', message: /"sessions".*decorateAs/ })

  const secure = Fastify()
  secure.decorateRequest<unknown>('session', null)
  secure.register(session, { redis: false, secret })
  await t.rejects(boot(secure), { code: 'STAY_SESSION_DECORATOR_TAKEN', message: /"session"/ })
})

t.test('the decorators can be renamed, beside those of others', async (t) => {
  const { app, browser } = loggingApp(t)
  app.register(fastifyJwt, { secret })
  app.register(session, { redis: false, secret, decorateAs: 'accounts', decorateRequestAs: 'account' })
  app.register(async (app) => {
    app.post('/login', (request) => app.accounts.login(request, { userId: 'ada' }))
    app.get('/me', { preHandler: app.accounts.requireAuth }, async (request) =>
      request.getDecorator('account'),
    )
  })
  await app.ready()
  const ada = browser()
  await ada.post('/login')
  t.match((await ada.get('/me')).json(), { userId: 'ada' })
})

t.test('@fastify/passport works on the session, under a new id', async (t) => {
  const { app, browser } = loggingApp(t)
  const passport = new Authenticator()
  passport.registerUserSerializer(async (user) => user)
  passport.registerUserDeserializer(async (user) => user)
  app.register(session, { redis: false, secret })
  app.register(passport.initialize())
  app.register(passport.secureSession())
  app.post('/plant', async (request) => {
    Reflect.set(request.session, 'planted', true)
    return {}
  })
  app.post('/login', async (request) => {
    await request.logIn({ id: 'ada' })
    return {}
  })
  app.get('/me', async (request) => ({ user: request.user ?? null }))
  await app.ready()
  const ada = browser()
  await ada.post('/plant')
  const before = ada.fork()
  await ada.post('/login')
  t.strictSame((await ada.get('/me')).json(), { user: { id: 'ada' } })
  t.strictSame((await before.get('/me')).json(), { user: null })
})

t.test('an @fastify/session with a store of another kind is refused, with the remedy', async (t) => {
  const app = Fastify()
  app.register(fastifyCookie)
  app.register(fastifySession, { secret })
  app.register(session, { redis: false, secret })
  await t.rejects(boot(app), {
    code: 'STAY_SESSION_STORE_FOREIGN',
    message: /createSessionStore\(\{ redis \}\)/,
  })
})

t.test('at the start one line says what it uses, in production a warning', async (t) => {
  const { app, lines } = loggingApp(t)
  app.register(session, { redis: false, secret })
  await app.ready()
  t.strictSame(
    lines.filter(({ msg }) => msg.startsWith('session: ')),
    [{ level: 30, msg: 'session: memory; set REDIS_URL to share and keep it' }],
  )
})

t.test('sessions that are used before the app is ready say so', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(session, { redis: false, secret })
  await app.after()
  await t.rejects(app.sessions.list('ada'), { code: 'STAY_SESSION_NOT_READY' })
})

t.test('somebody who is nobody cannot be signed in', async (t) => {
  const { app, browser } = loggingApp(t)
  app.register(session, { redis: false, secret })
  app.register(async (app) => {
    app.post<{ Body: { userId: string } }>('/login', (request) => app.sessions.login(request, request.body))
  })
  await app.ready()
  for (const user of [
    {},
    { userId: '' },
    { userId: 1 },
    { userId: 'a', roles: 'admin' },
    { userId: 'a', tenantId: 1 },
    { userId: 'a', roles: [1] },
    { userId: 'a\ud800' },
  ]) {
    const response = await browser().post('/login', user)
    t.match(response.json(), { statusCode: 500, code: 'STAY_SESSION_LOGIN_INVALID' }, JSON.stringify(user))
    t.strictSame(response.cookies, [])
  }
  for (const given of [undefined, '', 1, null, 'a\udc00']) {
    const untyped: unknown = { userId: given }
    const { userId } = Object.assign({ userId: '' }, untyped)
    for (const ask of [
      () => app.sessions.list(userId),
      () => app.sessions.revokeAll(userId),
      () => app.sessions.revoke('x', { userId }),
    ]) {
      await t.rejects(
        async (): Promise<unknown> => ask(),
        { code: 'STAY_SESSION_LOGIN_INVALID' },
        String(given),
      )
    }
  }
  t.throws(() => app.sessions.requireRole(), { code: 'STAY_SESSION_OPTION_INVALID' })
  t.throws(() => app.sessions.requireFresh({ withinMs: 0 }), { code: 'STAY_SESSION_OPTION_INVALID' })
})

t.test('an option that login does not have, or cannot have so, is refused', async (t) => {
  const { app, browser } = loggingApp(t)
  app.register(session, { redis: false, secret })
  app.register(async (app) => {
    app.post<{ Body: LoginOptions }>('/login', (request) =>
      app.sessions.login(request, { userId: 'ada' }, request.body),
    )
  })
  await app.ready()
  for (const options of [{ kep: ['cart'] }, { keep: 'cart' }, { keep: [1] }, { device: 5 }]) {
    const response = await browser().post('/login', options)
    t.match(response.json(), { code: 'STAY_SESSION_LOGIN_INVALID' }, JSON.stringify(options))
    t.strictSame(response.cookies, [])
  }
  t.equal((await browser().post('/login', { keep: ['cart'], device: 'till 5' })).statusCode, 200)
})

t.test('a login from a page of another origin is refused before anything is written', async (t) => {
  const { app, browser } = loggingApp(t)
  app.register(session, { redis: false, secret, trustedOrigins: ['https://login.example.test'] })
  app.register(async (app) => {
    app.post('/login', (request) => app.sessions.login(request, { userId: 'ada' }))
  })
  await app.ready()
  const from = async (origin?: string): Promise<number> =>
    (
      await browser().post(
        '/login',
        {},
        {
          headers: { host: 'shop.example.test', ...(origin === undefined ? {} : { origin }) },
        },
      )
    ).statusCode
  for (const origin of [
    'https://evil.test',
    'null',
    'https://shop.example.test.evil.test',
    'https://shop.example.test:8443',
    // Whoever is on the line can write this page.
    'http://shop.example.test',
    'nonsense',
    '',
  ]) {
    t.equal(await from(origin), 403, origin)
  }
  t.strictSame(await app.sessions.list('ada'), [])
  for (const origin of [undefined, 'https://shop.example.test', 'https://login.example.test']) {
    t.equal(await from(origin), 200, origin ?? 'none')
  }
})
