import { startRedisServer } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import t from 'tap'
import session from '../dist/index.js'
import { loggingApp, secret } from './create-app.js'

const server = await startRedisServer({}, t)
const redis = new Redis(server.url)
t.teardown(() => {
  redis.disconnect()
})
t.beforeEach(async () => {
  await redis.flushall()
})

/** An app that sets a field by its name, the way a careless handler does. */
async function carelessApp(
  t: Parameters<typeof loggingApp>[0],
  maxBytes?: number,
): Promise<ReturnType<typeof loggingApp>> {
  const created = loggingApp(t)
  created.app.register(session, { redis, secret, ...(maxBytes === undefined ? {} : { maxBytes }) })
  created.app.post<{ Body: { name: string; value: unknown } }>('/set', async (request) => {
    Reflect.set(request.session, request.body.name, request.body.value)
    return {}
  })
  created.app.post('/big', async (request) => {
    Reflect.set(request.session, 'big', 12n)
    return {}
  })
  created.app.post('/set-many', async (request) => {
    Object.assign(request.session, request.body)
    return {}
  })
  created.app.get('/all', async (request) => JSON.stringify(request.session))
  await created.app.ready()
  return created
}

t.test(
  'a field named like something every object or session has is refused, and nothing is polluted',
  async (t) => {
    const { browser } = await carelessApp(t)
    for (const name of [
      'constructor',
      'toString',
      'hasOwnProperty',
      'reload',
      'touch',
      'regenerate',
      'toJSON',
    ]) {
      const visitor = browser()
      const response = await visitor.post('/set', { name, value: { polluted: true } })
      t.match(response.json(), { statusCode: 500, code: 'STAY_SESSION_FIELD_INVALID' }, name)
      t.ok(response.json<{ message: string }>().message.includes(name))
    }
    for (const name of ['sessionId', 'encryptedSessionId', '__proto__']) {
      const response = await browser().post('/set', { name, value: { polluted: true } })
      t.ok([200, 400, 500].includes(response.statusCode), name)
    }
    t.equal(Reflect.get({}, 'polluted'), undefined)
    t.strictSame(await redis.keys('*'), [])
  },
)

t.test('such a field in Redis does not reach the session', async (t) => {
  const { browser } = await carelessApp(t)
  const visitor = browser()
  await visitor.post('/set', { name: 'kept', value: 1 })
  const [key = ''] = await redis.keys('sess:*')
  const stamp = '1700000000000000'
  for (const name of ['__proto__', 'save', 'isModified', 'sessionId', 'cookie', 'constructor']) {
    await redis.hset(key, `f:"${name}"`, `${stamp} {"polluted":true}`)
  }
  const read = await visitor.get('/all')
  t.equal(read.statusCode, 200)
  t.equal(read.json<{ kept: number }>().kept, 1)
  t.notMatch(read.body, 'polluted')
  t.equal((await visitor.post('/set', { name: 'kept', value: 2 })).statusCode, 200)
  t.equal((await visitor.get('/all')).json<{ kept: number }>().kept, 2)
})

t.test('a value that no longer parses ends the session, and is told without its content', async (t) => {
  for (const [field, value] of [
    ['f:"kept"', '1700000000000000 {"half'],
    ['m', 'not json'],
    ['m', '{"u":1}'],
    ['c', 'never'],
  ] as const) {
    const { browser, log, lines } = await carelessApp(t)
    const visitor = browser()
    await visitor.post('/set', { name: 'kept', value: 'private' })
    const [key = ''] = await redis.keys('sess:*')
    await redis.hset(key, field, value)
    const response = await visitor.get('/all')
    t.equal(response.statusCode, 200, `${field} ${value}`)
    t.notMatch(response.body, 'kept')
    t.equal(visitor.cookies.size, 0)
    t.ok(lines.some(({ level }) => level === 50))
    t.notMatch(log(), 'private')
    await redis.flushall()
  }
})

t.test('a session that grows too large is refused, and what is stored stays', async (t) => {
  const { browser } = await carelessApp(t, 100)
  const visitor = browser()
  await visitor.post('/set', { name: 'a', value: 'x'.repeat(80) })
  const response = await visitor.post('/set', { name: 'b', value: 'x'.repeat(80) })
  t.match(response.json(), { statusCode: 413, code: 'STAY_SESSION_TOO_LARGE' })
  t.match((await visitor.get('/all')).json(), { a: 'x'.repeat(80), b: undefined })
})

t.test('a value that is no JSON is refused by the name of its field', async (t) => {
  const { browser } = await carelessApp(t)
  const response = await browser().post('/big')
  t.match(response.json(), { code: 'STAY_SESSION_FIELD_INVALID', message: /"big"/ })
})
