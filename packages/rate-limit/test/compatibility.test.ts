import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '@stayfast/test-kit'
import t from 'tap'
import { limitHeaders, openApp, statuses } from './open-app.js'

/* The options and decorators of @fastify/rate-limit mean here what they mean there. */

t.test('createRateLimit tells where a request stands, and may only look', async (t) => {
  const { app } = await openApp(t, { max: 100, timeWindow: '1 day' }, (app) => {
    const limit = app.createRateLimit({ max: 2, timeWindow: '1 hour', ban: 0 })
    app.get('/take', async (request) => limit(request))
    app.get('/look', async (request) => limit(request, { increment: false }))
  })
  const ask = async (url: string): Promise<unknown> => (await app.inject(url)).json()
  t.match(await ask('/look'), { isAllowed: false, remaining: 2, ttl: 0, isExceeded: false, isBanned: false })
  t.match(await ask('/take'), {
    isAllowed: false,
    key: '127.0.0.1',
    max: 2,
    timeWindow: 3_600_000,
    remaining: 1,
    isExceeded: false,
    isBanned: false,
  })
  t.match(await ask('/take'), { remaining: 0, isExceeded: false })
  t.match(await ask('/take'), { remaining: 0, isExceeded: true, isBanned: true })
  t.match(await ask('/look'), { remaining: 0, isExceeded: false })
  const { ttlInSeconds } = (await app.inject('/take')).json<{ ttlInSeconds: number }>()
  t.ok(ttlInSeconds > 3500 && ttlInSeconds <= 3660, String(ttlInSeconds))
})

t.test(
  'createRateLimit without options is the common limit, with a name a counter of that name',
  async (t) => {
    const { app } = await openApp(t, { max: 10, timeWindow: '1 day' }, (app) => {
      const common = app.createRateLimit()
      const one = app.createRateLimit({ max: 5, name: 'same' })
      const other = app.createRateLimit({ max: 5, name: 'same', algorithm: 'sliding-window' })
      app.get('/common', { config: { rateLimit: false } }, async (request) => common(request))
      app.get('/one', { config: { rateLimit: false } }, async (request) => one(request))
      app.get('/two', { config: { rateLimit: false } }, async (request) => other(request))
    })
    await statuses(app, 3)
    t.match((await app.inject('/common')).json(), { remaining: 6 })
    t.match((await app.inject('/one')).json(), { remaining: 4 })
    t.match((await app.inject('/two')).json(), { remaining: 3 })
  },
)

t.test('createRateLimit knows the allow list, and functions for max and timeWindow', async (t) => {
  const { app } = await openApp(
    t,
    {
      max: async () => 7,
      timeWindow: async () => '1 minute',
      allowList: (request) => request.headers['x-free'] === '1',
    },
    (app) => {
      const limit = app.createRateLimit()
      app.get('/manual', { config: { rateLimit: false } }, async (request) => limit(request))
    },
  )
  t.match((await app.inject('/manual')).json(), { max: 7, timeWindow: 60_000, remaining: 6 })
  t.match((await app.inject({ url: '/manual', headers: { 'x-free': '1' } })).json(), { isAllowed: true })
})

t.test('createRateLimit refuses options that it does not have or that cannot be', async (t) => {
  const { app } = await openApp(t)
  const wrong: readonly object[] = [
    { max: '5' },
    { max: -1 },
    { maxx: 5 },
    { timeWindow: 'soon' },
    { cost: 2 },
  ]
  for (const options of wrong) {
    t.throws(
      () => app.createRateLimit(options),
      { code: 'STAY_RATE_OPTION_INVALID' },
      JSON.stringify(options),
    )
  }
})

t.test(
  'createRateLimit fails where a function of the app gives a limit or a window that is none',
  async (t) => {
    const { app } = await openApp(t, {}, (app) => {
      const max = app.createRateLimit({ max: async () => NaN })
      const timeWindow = app.createRateLimit({ timeWindow: async () => 0 })
      app.get('/max', async (request) => max(request))
      app.get('/window', async (request) => timeWindow(request))
    })
    for (const url of ['/max', '/window']) {
      t.match((await app.inject(url)).json(), { statusCode: 500, code: 'STAY_RATE_VALUE_INVALID' }, url)
    }
  },
)

t.test(
  'createRateLimit does not concern a request without a key, nor networks that are allowed',
  async (t) => {
    const keyOf = ({ headers }: { headers: Record<string, unknown> }): string | undefined =>
      typeof headers['x-user'] === 'string' ? headers['x-user'] : undefined
    const { app } = await openApp(t, { keyGenerator: keyOf, allowList: ['10.0.0.0/8'] }, (app) => {
      const common = app.createRateLimit()
      const own = app.createRateLimit({ max: 1, allowList: ['192.168.0.0/16'] })
      app.get('/common', { config: { rateLimit: false } }, async (request) => common(request))
      app.get('/own', { config: { rateLimit: false } }, async (request) => own(request))
    })
    for (const url of ['/common', '/own']) {
      t.match((await app.inject(url)).json(), { isAllowed: true, key: '' }, url)
      const ada = { url, headers: { 'x-user': 'ada' } }
      t.match((await app.inject(ada)).json(), { isAllowed: false, key: 'ada' }, url)
      const remoteAddress = url === '/own' ? '192.168.1.1' : '10.1.1.1'
      t.match((await app.inject({ ...ada, remoteAddress })).json(), { isAllowed: true }, url)
    }
  },
)

t.test('the app is told of each request that is let through, refused or banned', async (t) => {
  const told: string[] = []
  const tell = (what: string) => (_request: unknown, key: string) => {
    told.push(`${what} ${key}`)
  }
  const { app } = await openApp(t, {
    max: 1,
    ban: 1,
    keyGenerator: () => 'me',
    onExceeding: tell('exceeding'),
    onExceeded: tell('exceeded'),
    onBanReach: tell('banned'),
  })
  t.same(await statuses(app, 3), [200, 429, 403])
  t.same(told, ['exceeding me', 'exceeded me', 'exceeded me', 'banned me'])
  t.match((await app.inject('/')).json(), { statusCode: 403, code: 'STAY_RATE_BANNED', error: 'Forbidden' })
})

t.test('who asks again and again for what is never there is banned as well', async (t) => {
  const { app } = await openApp(t, { ban: 1 }, (app) => {
    app.get('/none', { config: { rateLimit: { max: 0 } } }, async () => 'ok')
    app.get('/dear', { config: { rateLimit: { max: 2, cost: 3 } } }, async () => 'ok')
  })
  for (const url of ['/none', '/dear']) t.same(await statuses(app, 4, url), [429, 403, 403, 403], url)
})

t.test('errorResponseBuilder makes the answer: an error, or an object that is sent as it is', async (t) => {
  const { app } = await openApp(t, {}, (app) => {
    const object = {
      max: 0,
      timeWindow: '5 minutes',
      errorResponseBuilder: (_request: unknown, context: object) => ({
        statusCode: 429,
        slow: 'down',
        ...context,
      }),
    }
    const error = {
      max: 0,
      errorResponseBuilder: () => Object.assign(new Error('slow down'), { statusCode: 420 }),
    }
    app.get('/object', { config: { rateLimit: object } }, async () => 'ok')
    app.get('/error', { config: { rateLimit: error } }, async () => 'ok')
    app.get('/hook', { preHandler: app.rateLimit({ ...error, name: 'hook' }) }, async () => 'ok')
  })
  const made = await app.inject('/object')
  t.equal(made.statusCode, 429)
  t.match(made.json(), { slow: 'down', ban: false, max: 0, after: '5 minutes', ttl: 300_000 })
  t.match((await app.inject('/error')).json(), { statusCode: 420, message: 'slow down' })
  t.match((await app.inject('/hook')).json(), { statusCode: 420, message: 'slow down' })
})

t.test('with continueExceeding a client that goes on waits a whole window from then on', async (t) => {
  const { app } = await openApp(t, { max: 1, timeWindow: 700, continueExceeding: true, headers: 'legacy' })
  t.same(await statuses(app, 2), [200, 429])
  const endMs = performance.now() + 1500
  while (performance.now() < endMs) {
    t.equal((await app.inject('/')).statusCode, 429)
    await delay(50)
  }
  await eventually(async () => {
    await delay(800)
    return (await app.inject('/')).statusCode === 200
  })
})

t.test('with exponentialBackoff each refusal doubles the wait', async (t) => {
  const { app } = await openApp(t, { max: 1, timeWindow: '10 seconds', exponentialBackoff: true })
  await app.inject('/')
  const waits: number[] = []
  for (let i = 0; i < 4; i += 1) waits.push(Number((await app.inject('/')).headers['retry-after']))
  t.same(
    waits,
    [11, 20, 40, 80].map((wait, index) => (index === 0 ? waits[0] : wait)),
  )
  t.ok((waits[0] ?? 0) >= 10 && (waits[0] ?? 0) <= 11)
})

t.test('hook moves the limit to a later moment', async (t) => {
  const order: string[] = []
  const { app } = await openApp(
    t,
    { max: 1, hook: 'preHandler', onExceeding: () => order.push('limit') },
    (app) => {
      app.addHook('preValidation', async () => {
        order.push('validation')
      })
    },
  )
  await statuses(app, 2)
  t.same(order, ['validation', 'limit', 'validation'])
  t.same(await statuses(app, 1, '/nowhere'), [429])
})

t.test('a limit under the handler of unknown routes counts no request twice', async (t) => {
  const { app } = await openApp(t, { max: 2 }, (app) => {
    app.setNotFoundHandler({ preHandler: app.rateLimit() }, (_request, reply) => reply.code(404).send())
  })
  t.same(await statuses(app, 3, '/nowhere'), [404, 404, 429])
})

t.test('ipv6Subnet, enableDraftSpec, headers by name, nameSpace and cache are known', async (t) => {
  const { app } = await openApp(t, {
    max: 1,
    ipv6Subnet: 128,
    enableDraftSpec: true,
    addHeadersOnExceeding: { 'ratelimit-reset': false },
    nameSpace: 'mine-',
    cache: 5,
  })
  const from = (remoteAddress: string) => app.inject({ url: '/', remoteAddress })
  t.same(limitHeaders(await from('2001:db8::1')), { 'ratelimit-limit': 1, 'ratelimit-remaining': 0 })
  t.equal((await from('2001:db8::2')).statusCode, 200)
  t.equal((await from('2001:db8::1')).statusCode, 429)
})
