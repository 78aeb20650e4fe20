import { startRedisServer } from '@stayfast/test-kit'
import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { Browser } from './browser.js'
import { createShop, https, type TestApp } from './create-app.js'
import type { EncryptionKey } from '../dist/index.js'

const server = await startRedisServer({}, t)
const redis = new Redis(server.url)
t.teardown(() => {
  redis.disconnect()
})
t.beforeEach(async () => {
  await redis.flushall()
})

const key = (id: string): EncryptionKey => ({ id, key: randomBytes(32).toString('base64') })
const [first, second] = [key('2026'), key('2025')]

function shop(t: Test, ...encryptionKeys: EncryptionKey[]): Promise<TestApp> {
  return createShop(t, { redis, encryptionKeys })
}

async function dump(): Promise<string> {
  const keys = (await redis.keys('sess:{*')).filter((each) => !each.endsWith(':i'))
  return JSON.stringify(await Promise.all(keys.map((each) => redis.hgetall(each))))
}

async function signIn({ app }: TestApp, userId = 'ada'): Promise<Browser> {
  const browser = new Browser(app, { ...https, 'user-agent': 'a telling device' })
  await browser.post('/login', { userId, roles: ['telling role'] })
  await browser.post('/note', { note: 'a telling note' })
  return browser
}

t.test('nothing that a session holds lies readable in Redis', async (t) => {
  const one = await shop(t, first)
  const ada = await signIn(one)
  t.notMatch(await dump(), 'telling')
  t.notMatch(await dump(), '"ada"')
  t.strictSame((await ada.get('/note')).json(), { note: 'a telling note' })
  t.match((await ada.get('/sessions')).json(), [{ device: 'a telling device', current: true }])
  t.match((await ada.get('/me')).json(), { userId: 'ada', roles: ['telling role'] })
  const before = await dump()
  await ada.get('/note')
  t.equal(await dump(), before, 'and reading writes nothing')
})

t.test('the key can be changed: old values are read with theirs until they are written again', async (t) => {
  const ada = await signIn(await shop(t, second))
  const next = await shop(t, first, second)
  const there = ada.fork(next.app)
  t.strictSame((await there.get('/note')).json(), { note: 'a telling note' })
  await there.post('/note', { note: 'another' })
  t.match(await dump(), /stay1:2026:/)
  t.match(await dump(), /stay1:2025:/)
})

t.test('sessions from before the encryption go on', async (t) => {
  const ada = await signIn(await shop(t))
  const next = await shop(t, first)
  t.strictSame((await ada.fork(next.app).get('/note')).json(), { note: 'a telling note' })
})

t.test('a value that was changed, moved, or whose key is not known ends the session', async (t) => {
  const one = await shop(t, first)
  const [ada, bob] = [await signIn(one), await signIn(one, 'bob')]
  const keyOf = async (userId: string): Promise<string> => {
    const [listed] = await one.app.sessions.list(userId)
    const [tag = '', digest = ''] = listed?.id.split('.') ?? []
    return `sess:{${tag}}:${digest}`
  }
  const [adas, bobs] = [await keyOf('ada'), await keyOf('bob')]
  await redis.hset(bobs, 'm', (await redis.hget(adas, 'm')) ?? '')
  t.equal((await bob.get('/me')).statusCode, 401, 'nobody becomes somebody else')
  t.equal((await ada.get('/me')).statusCode, 200)
  const unknown = await shop(t, second)
  t.equal((await ada.fork(unknown.app).get('/me')).statusCode, 401)
  t.match(unknown.log(), /the key \\"2026\\" is not known/)
  const [listed] = await unknown.app.sessions.list('ada')
  t.match(listed, { device: undefined, id: /./ }, 'it is listed, so that it can be ended')
  const without = await shop(t)
  t.equal((await ada.fork(without.app).get('/me')).statusCode, 401)
  t.equal((await ada.get('/me')).statusCode, 200, 'where the key is known it goes on')
})
