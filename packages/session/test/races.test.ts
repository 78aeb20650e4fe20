import { startRedisServer } from '@stayfast/test-kit'
import type { FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import session from '../dist/index.js'
import { Browser } from './browser.js'
import { https, loggingApp, secret, shopRoutes } from './create-app.js'

const server = await startRedisServer({}, t)
const redis = new Redis(server.url)
t.teardown(() => {
  redis.disconnect()
})

/** A request that stays inside its handler until it is let go. */
interface Held {
  readonly entered: Promise<void>
  letGo(): void
}

interface Process {
  readonly app: FastifyInstance
  /** The next request to /slow stays in the handler, after its session was loaded. */
  hold(): Held
}

async function startProcess(t: Test, option: Redis | false): Promise<Process> {
  const { app } = loggingApp(t)
  let next: { entered: () => void; released: Promise<void> } | undefined
  app.register(session, { redis: option, secret })
  app.register(async (app) => {
    shopRoutes(app)
    app.post<{ Body: { field: string } }>('/slow', async (request) => {
      const held = next
      next = undefined
      held?.entered()
      await held?.released
      Reflect.set(request.session, request.body.field, 'late')
      return { who: request.principal?.userId ?? null }
    })
    app.post('/slow-save', async (request) => {
      const held = next
      next = undefined
      held?.entered()
      await held?.released
      request.session.note = 'late'
      await request.session.save()
      return { who: request.principal?.userId ?? null }
    })
  })
  await app.ready()
  return {
    app,
    hold: () => {
      let entered = (): void => undefined
      let letGo = (): void => undefined
      const isEntered = new Promise<void>((resolve) => (entered = resolve))
      const released = new Promise<void>((resolve) => (letGo = resolve))
      next = { entered, released }
      return { entered: isEntered, letGo }
    },
  }
}

const endings: readonly (readonly [
  string,
  (elsewhere: Browser, app: FastifyInstance) => Promise<unknown>,
])[] = [
  ['signed out', (elsewhere) => elsewhere.post('/logout')],
  ['destroyed', (elsewhere) => elsewhere.post('/destroy')],
  ['regenerated', (elsewhere) => elsewhere.post('/regenerate')],
  ['replaced by another sign-in', (elsewhere) => elsewhere.post('/login', { userId: 'ada' })],
  ['replaced by the sign-in of somebody else', (elsewhere) => elsewhere.post('/login', { userId: 'bob' })],
  [
    'revoked',
    async (_elsewhere, app) => {
      const [first] = await app.sessions.list('ada')
      return app.sessions.revoke(first?.id ?? '')
    },
  ],
  ['revoked with all others', (_elsewhere, app) => app.sessions.revokeAll('ada')],
]

for (const [where, option] of [
  ['in memory', () => false as const],
  ['in Redis, by another process', () => redis],
] as const) {
  for (const [how, end] of endings) {
    for (const slow of ['/slow', '/slow-save']) {
      t.test(
        `${where}: a session that was ${how} stays gone when a slow request (${slow}) finishes after it`,
        async (t) => {
          await redis.flushall()
          const one = await startProcess(t, option())
          const other = option() === false ? one : await startProcess(t, option())
          const ada = new Browser(one.app, https)
          await ada.post('/login', { userId: 'ada' })
          const elsewhere = ada.fork(other.app)
          const later = ada.fork()

          const held = one.hold()
          const request = ada.post(slow, { field: 'note' })
          await held.entered
          await end(elsewhere, other.app)
          held.letGo()
          const response = await request
          t.equal(response.statusCode, 200)
          t.equal(ada.cookies.size, 0, 'its reply takes the cookie away')
          t.equal((await later.fork().get('/me')).statusCode, 401)
          t.equal((await later.fork(other.app).get('/me')).statusCode, 401)
          t.strictSame((await later.fork().get('/note')).json(), { note: null })
          const listed = await other.app.sessions.list('ada')
          t.ok(listed.length <= 1 && listed.every(({ id }) => id !== ''))
        },
      )
    }
  }

  t.test(`${where}: two requests of one session that write different fields lose nothing`, async (t) => {
    await redis.flushall()
    const one = await startProcess(t, option())
    const other = option() === false ? one : await startProcess(t, option())
    const ada = new Browser(one.app, https)
    await ada.post('/login', { userId: 'ada' })
    await ada.post('/cart', { item: 'a' })

    const held = one.hold()
    const slow = ada.fork().post('/slow', { field: 'slow' })
    await held.entered
    const elsewhere = ada.fork(other.app)
    await elsewhere.post('/note', { note: 'quick' })
    await elsewhere.post('/cart', { item: 'b' })
    held.letGo()
    await slow
    t.strictSame((await ada.get('/note')).json(), { note: 'quick' })
    t.strictSame((await ada.get('/cart')).json(), ['a', 'b'])
    const dump = await Promise.all(
      (await redis.keys('sess:*')).map((key) => redis.hgetall(key).catch(() => ({}))),
    )
    if (option() !== false) t.match(JSON.stringify(dump), /late/)
  })

  t.test(`${where}: a sign-in while a slow request of the visitor goes on is not undone by it`, async (t) => {
    await redis.flushall()
    const one = await startProcess(t, option())
    const visitor = new Browser(one.app, https)
    await visitor.post('/cart', { item: 'a' })
    const tab = visitor.fork()
    const held = one.hold()
    const slow = tab.post('/slow', { field: 'note' })
    await held.entered
    await visitor.post('/login', { userId: 'ada', keep: ['cart'] })
    held.letGo()
    await slow
    t.equal((await visitor.get('/me')).statusCode, 200)
    t.strictSame((await visitor.get('/cart')).json(), ['a'])
    t.strictSame((await visitor.get('/note')).json(), { note: null })
  })

  t.test(
    `${where}: two sign-ins of one visitor at the same moment end with two sessions, and none of the visitor`,
    async (t) => {
      await redis.flushall()
      const one = await startProcess(t, option())
      const visitor = new Browser(one.app, https)
      await visitor.post('/cart', { item: 'a' })
      const before = visitor.fork()
      const tabs = [visitor.fork(), visitor.fork()]
      await Promise.all(tabs.map((tab) => tab.post('/login', { userId: 'ada' })))
      for (const tab of tabs) t.equal((await tab.get('/me')).statusCode, 200)
      t.strictSame((await before.get('/cart')).json(), [])
      t.equal((await one.app.sessions.list('ada')).length, 2)
    },
  )
}
