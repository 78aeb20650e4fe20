import { startRedisServer } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import type { RateLimitOptions } from '../dist/index.js'
import { limitHeaders, openApp, statuses } from './open-app.js'

const server = await startRedisServer({}, t)
let apps = 0

/** Each in memory and in Redis: what a policy means depends on neither. */
function both(name: string, test: (t: Test, where: RateLimitOptions) => Promise<void>): void {
  t.test(`memory: ${name}`, (t) => test(t, { redis: false }))
  t.test(`redis: ${name}`, (t) => {
    apps += 1
    return test(t, { redis: new Redis(server.url, { lazyConnect: true }), nameSpace: `app${apps}:` })
  })
}

both('a route has a limit of its own in place of the common one', async (t, where) => {
  const { app } = await openApp(t, { ...where, max: 2 }, (app) => {
    app.post('/login', { config: { rateLimit: { max: 1 } } }, async () => 'ok')
    app.get('/free', { config: { rateLimit: false } }, async () => 'ok')
  })
  t.same(await statuses(app, 2, { url: '/login', method: 'POST' }), [200, 429])
  t.same(await statuses(app, 3), [200, 200, 429])
  t.same(await statuses(app, 3, '/free'), [200, 200, 200])
})

both('routes of a group share one counter, and another group has another', async (t, where) => {
  const { app } = await openApp(t, where, (app) => {
    const group = (groupId: string) => ({ config: { rateLimit: { max: 2, groupId } } })
    app.get('/a', group('one'), async () => 'ok')
    app.get('/b', group('one'), async () => 'ok')
    app.get('/c', group('two'), async () => 'ok')
  })
  t.same(await statuses(app, 1, '/a'), [200])
  t.same(await statuses(app, 2, '/b'), [200, 429])
  t.same(await statuses(app, 1, '/a'), [429])
  t.same(await statuses(app, 3, '/c'), [200, 200, 429])
})

both('a plan gives each tenant its limit, and may be looked up', async (t, where) => {
  const plans = new Map([
    ['free', { max: 1, timeWindow: '1 minute' }],
    ['paid', { max: 3, timeWindow: 60_000 }],
  ])
  const { app } = await openApp(t, {
    ...where,
    keyGenerator: (request) => String(request.headers['x-tenant']),
    max: async (_request, tenant) => plans.get(tenant)?.max ?? 0,
    timeWindow: async (_request, tenant) => plans.get(tenant)?.timeWindow ?? 1000,
  })
  const as = (tenant: string) => ({ url: '/', headers: { 'x-tenant': tenant } })
  t.same(await statuses(app, 2, as('free')), [200, 429])
  t.same(await statuses(app, 4, as('paid')), [200, 200, 200, 429])
  t.same(await statuses(app, 1, as('nobody')), [429])
  plans.set('free', { max: 2, timeWindow: '1 minute' })
  t.same(await statuses(app, 2, as('free')), [200, 429], 'an upgrade holds at once')
})

both('users are counted after the session, whoever has none is not', async (t, where) => {
  const users: RateLimitOptions['policies'] = [
    {
      name: 'user',
      max: 2,
      hook: 'preParsing',
      keyGenerator: ({ headers }) =>
        typeof headers['x-signed-in'] === 'string' ? headers['x-signed-in'] : undefined,
    },
  ]
  const { app } = await openApp(t, { ...where, max: 5, policies: users }, (app) => {
    // What a session does: it is there when the second stage runs, whatever was registered before.
    app.addHook('onRequest', async (request) => {
      if (request.headers['x-user'] !== undefined) request.headers['x-signed-in'] = request.headers['x-user']
    })
    app.get('/after', async (request) =>
      request.rateLimit?.map(({ policy, remaining }) => [policy, remaining]),
    )
  })
  const as = (user: string) => ({ url: '/after', headers: { 'x-user': user } })
  const first = await app.inject(as('ann'))
  t.same(first.json(), [
    ['default', 4],
    ['user', 1],
  ])
  t.match(limitHeaders(first)['ratelimit'], /^"default";r=4;t=\d+, "user";r=1;t=\d+$/)
  t.same(await statuses(app, 2, as('ann')), [200, 429])
  t.same((await app.inject('/after')).json(), [['default', 1]])
  t.equal((await app.inject(as('bob'))).statusCode, 200)
  t.equal((await app.inject(as('bob'))).statusCode, 429, 'the address is counted for everybody')
})

both('the second stage holds for what no route answers, and for routes of their own', async (t, where) => {
  const policies = [{ name: 'late', max: 1, hook: 'preHandler' }] as const
  const { app } = await openApp(t, { ...where, policies }, (app) => {
    app.get('/own', { config: { rateLimit: { max: 1, hook: 'preValidation' } } }, async () => 'ok')
    app.get(
      '/more',
      { config: { rateLimit: { max: 9, policies: [{ name: 'parsing', max: 1, hook: 'preParsing' }] } } },
      async () => 'ok',
    )
  })
  t.same(await statuses(app, 2, '/nowhere'), [404, 429])
  t.same(await statuses(app, 2, '/more'), [200, 429])
  t.equal((await app.inject({ url: '/own', remoteAddress: '10.0.0.1' })).statusCode, 200)
  const refused = await app.inject({ url: '/own', remoteAddress: '10.0.0.1' })
  t.equal(refused.statusCode, 429)
})

both(
  'a request must pass all policies, and one that is known to refuse uses up none of the others',
  async (t, where) => {
    const { app } = await openApp(
      t,
      {
        ...where,
        max: 10,
        policies: [{ name: 'all', max: 2, keyGenerator: () => 'all' }],
      },
      (app) => {
        app.get(
          '/left',
          { config: { rateLimit: { groupId: 'default', max: 10, cost: 0, policies: [] } } },
          async (request) => request.rateLimit?.[0]?.remaining,
        )
      },
    )
    t.same(await statuses(app, 6), [200, 200, 429, 429, 429, 429])
    // Redis refused the third while the default limit counted it; the others were refused here.
    t.equal((await app.inject('/left')).body, '7')
  },
)

both('a request costs what it costs', async (t, where) => {
  const { app } = await openApp(t, { ...where, max: 10 }, (app) => {
    const cost = {
      config: {
        rateLimit: {
          groupId: 'export',
          max: 10,
          cost: (request: { query: unknown }) =>
            Number(new URLSearchParams(request.query as Record<string, string>).get('rows')),
        },
      },
    }
    app.get('/export', cost, async () => 'ok')
    app.get('/two', { config: { rateLimit: { groupId: 'export', max: 10, cost: 2 } } }, async () => 'ok')
  })
  t.same(await statuses(app, 1, '/export?rows=7'), [200])
  t.same(await statuses(app, 1, '/export?rows=4'), [429])
  t.same(await statuses(app, 2, '/two'), [200, 429])
  t.same(await statuses(app, 2, '/export?rows=1'), [200, 429], 'what is cheaper may still fit')
  t.same(await statuses(app, 1, '/export?rows=0'), [200])
  const never = await app.inject('/export?rows=11')
  t.equal(never.statusCode, 429, 'what costs more than there ever is never gets in')
})

both('gcra lets a burst through, then a steady rate', async (t, where) => {
  const { app } = await openApp(t, {
    ...where,
    algorithm: 'gcra',
    max: 1000,
    burst: 3,
    timeWindow: '1 day',
  })
  t.same(await statuses(app, 4), [200, 200, 200, 429])
  // A unit comes back every 86.4 seconds.
  const retryAfter = Number((await app.inject('/')).headers['retry-after'])
  t.ok(retryAfter > 60 && retryAfter <= 87, String(retryAfter))
})

both('app.rateLimit() limits where the app places it, and counts no request twice', async (t, where) => {
  const { app } = await openApp(t, { ...where, max: 3 }, (app) => {
    app.get('/again', { preHandler: app.rateLimit() }, async () => 'ok')
    app.get('/own', { preHandler: app.rateLimit({ max: 1, name: 'own' }) }, async () => 'ok')
  })
  t.same(await statuses(app, 1, '/own'), [200])
  t.same(await statuses(app, 1, '/own'), [429])
  t.same(await statuses(app, 2, '/again'), [200, 429])
})
