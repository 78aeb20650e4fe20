import { setTimeout } from 'node:timers/promises'
import { startRedisServer } from '@stayfast/test-kit'
import Fastify from 'fastify'
import { Redis } from 'ioredis'
import fastifyCookie from '@fastify/cookie'
import t, { type Test } from 'tap'
import session, { type SessionOptions } from '../dist/index.js'
import { Browser } from './browser.js'
import { createShop, https, loggingApp, otherSecret, secret, shopRoutes } from './create-app.js'

const server = await startRedisServer({}, t)
const redis = new Redis(server.url)
t.teardown(() => {
  redis.disconnect()
})

const user = { userId: 'ada' }

function withEnv(t: Test, env: Readonly<Record<string, string | undefined>>): void {
  const before = { ...process.env }
  t.teardown(() => {
    process.env = before
  })
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) Reflect.deleteProperty(process.env, name)
    else process.env[name] = value
  }
}

async function cookieOf(t: Test, options: SessionOptions): Promise<Record<string, unknown>> {
  const { browser } = await createShop(t, { redis: false, ...options })
  const response = await browser().post('/login', user)
  t.equal(response.statusCode, 200)
  t.equal(response.cookies.length, 1)
  return { ...response.cookies[0] }
}

t.test('the cookie is for this host, for https, out of reach of scripts and of other sites', async (t) => {
  const cookie = await cookieOf(t, {})
  t.match(cookie, { name: '__Host-sid', path: '/', httpOnly: true, secure: true, sameSite: 'Lax' })
  t.notOk('domain' in cookie)
  const days = (new Date(String(cookie['expires'])).getTime() - Date.now()) / 86_400_000
  t.ok(days > 6.9 && days < 7.1, 'it lasts as long as a session can')
})

t.test('with a domain the cookie is for its subdomains, under another prefix', async (t) => {
  t.match(await cookieOf(t, { cookieDomain: 'example.test' }), {
    name: '__Secure-sid',
    domain: 'example.test',
    secure: true,
  })
  withEnv(t, { COOKIE_DOMAIN: 'env.example.test' })
  t.match(await cookieOf(t, {}), { name: '__Secure-sid', domain: 'env.example.test' })
  t.match(await cookieOf(t, { cookieDomain: 'example.test' }), { domain: 'example.test' }, 'the option wins')
})

t.test('the name and SameSite of the cookie can be chosen', async (t) => {
  t.match(await cookieOf(t, { cookieName: 'shop', sameSite: 'strict' }), { name: 'shop', sameSite: 'Strict' })
  t.match(await cookieOf(t, { sameSite: 'none' }), { name: '__Host-sid', sameSite: 'None' })
})

t.test('over plain http on this machine it works in development, and says so once', async (t) => {
  const { app, lines } = await createShop(t, { redis: false })
  for (const host of ['localhost:3000', '127.0.0.1:3000', '[::1]:3000', 'shop.localhost']) {
    const browser = new Browser(app, { host })
    const response = await browser.post('/login', user)
    t.match(response.cookies, [{ name: 'sid', httpOnly: true, sameSite: 'Lax' }], host)
    t.notOk(response.cookies[0]?.secure)
    t.equal((await browser.get('/me')).statusCode, 200, host)
    await browser.post('/cart', { item: 'a' })
    await browser.post('/regenerate')
    t.strictSame((await browser.get('/cart')).json(), ['a'], host)
    await browser.post('/logout')
    t.equal(browser.cookies.size, 0, host)
  }
  t.equal(lines.filter(({ msg }) => msg.includes('without Secure')).length, 1)
})

t.test('secure: false sends it over plain http anywhere', async (t) => {
  const { app } = await createShop(t, { redis: false, secure: false })
  const browser = new Browser(app, { host: 'shop.internal' })
  t.match((await browser.post('/login', user)).cookies, [{ name: 'sid', httpOnly: true }])
  t.equal((await browser.get('/me')).statusCode, 200)
})

t.test('behind a TLS proxy that is not trusted a login fails before anything is written', async (t) => {
  await redis.flushall()
  const { app } = await createShop(t, { redis }, { trustProxy: false })
  const proxied = await new Browser(app, { ...https, host: 'shop.example.test' }).post('/login', user)
  t.match(proxied.json(), { statusCode: 500, code: 'STAY_SESSION_INSECURE', message: /trustProxy/ })
  const plain = await new Browser(app, { host: 'shop.example.test' }).post('/login', user)
  t.match(plain.json(), { statusCode: 500, code: 'STAY_SESSION_INSECURE', message: /secure: false/ })
  t.strictSame([proxied.cookies, plain.cookies], [[], []])
  t.strictSame(await redis.keys('sess:{*'), [])
})

t.test('in production plain http on this machine is no exception', async (t) => {
  withEnv(t, { NODE_ENV: 'production' })
  const { app } = await createShop(t, { redis: false })
  const response = await new Browser(app, { host: 'localhost' }).post('/login', user)
  t.match(response.json(), { code: 'STAY_SESSION_INSECURE' })
})

t.test('a cookie that cannot be written fails its request, and not the process', async (t) => {
  const { app, browser } = await createShop(t, { redis: false }, {}, (app) => {
    app.post('/odd', async (request) => {
      request.session.note = 'x'
      Object.assign(request.session.cookie, { domain: 'https://shop.test' })
      return {}
    })
  })
  const rejections: unknown[] = []
  const listener = (error: unknown): void => {
    rejections.push(error)
  }
  process.on('unhandledRejection', listener)
  t.teardown(() => process.off('unhandledRejection', listener))
  const odd = await Promise.race([browser().post('/odd'), setTimeout(5000, undefined)])
  t.equal(odd?.statusCode, 500)
  t.match(odd?.json(), { message: /domain/ })
  t.strictSame(rejections, [])
  t.equal((await app.inject('/who')).statusCode, 200)
})

t.test('a rotated secret signs nobody out, and the cookie is signed anew', async (t) => {
  const first = await createShop(t, { redis, secret })
  const ada = first.browser()
  await ada.post('/login', user)
  const before = [...ada.cookies]
  const next = await createShop(t, { redis, secret: [otherSecret, secret] })
  const there = ada.fork(next.app)
  const response = await there.get('/me')
  t.equal(response.statusCode, 200)
  t.equal(response.cookies.length, 1, 'the cookie is sent again')
  t.notSame([...there.cookies], before)
  t.equal((await there.get('/me')).cookies.length, 0, 'once')
  const last = await createShop(t, { redis, secret: otherSecret })
  t.equal((await there.fork(last.app).get('/me')).statusCode, 200, 'when the old one is gone for good')
  t.equal((await ada.fork(last.app).get('/me')).statusCode, 401)
})

t.test('a change of the name signs nobody out', async (t) => {
  const before = await createShop(t, { redis, cookieName: 'sessionId' })
  const ada = before.browser()
  await ada.post('/login', user)
  const after = await createShop(t, { redis, acceptCookieNames: ['sessionId'] })
  const there = ada.fork(after.app)
  const response = await there.get('/me')
  t.equal(response.statusCode, 200)
  t.strictSame(
    response.cookies.map(({ name }) => name),
    ['__Host-sid'],
  )
  t.strictSame([...there.cookies.keys()], ['sessionId', '__Host-sid'], 'processes of before still know it')
  t.equal((await there.fork(before.app).get('/me')).statusCode, 200)
  t.equal((await there.get('/me')).cookies.length, 0)
  await there.post('/logout')
  t.equal(there.cookies.size, 0, 'both go with the sign-out')
})

t.test('an app that has @fastify/cookie already keeps it, whatever its hook', async (t) => {
  for (const hook of ['onRequest', 'preParsing', 'preHandler'] as const) {
    const { app, browser } = loggingApp(t)
    app.register(fastifyCookie, { hook })
    app.register(session, { redis: false, secret })
    app.register(async (app) => {
      shopRoutes(app)
    })
    await app.ready()
    const ada = browser()
    await ada.post('/login', user)
    t.equal((await ada.get('/me')).statusCode, 200, hook)
  }
})

t.test('without a secret production does not start, and elsewhere one warning is given', async (t) => {
  withEnv(t, { SESSION_SECRET: undefined, NODE_ENV: undefined })
  const { app, lines } = loggingApp(t)
  app.register(session, { redis: false })
  await app.ready()
  t.equal(lines.filter(({ level, msg }) => level === 40 && msg.includes('SESSION_SECRET')).length, 1)
  process.env['NODE_ENV'] = 'production'
  const production = Fastify()
  production.register(session, { redis: false })
  await t.rejects(Promise.resolve(production.ready()), {
    code: 'STAY_SESSION_OPTION_INVALID',
    message: /SESSION_SECRET is not set/,
  })
  process.env['SESSION_SECRET'] = `${secret}, ${otherSecret}`
  const configured = Fastify()
  t.teardown(() => configured.close())
  configured.register(session, { redis: false })
  await configured.ready()
})
