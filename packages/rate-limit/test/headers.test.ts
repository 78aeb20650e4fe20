import t from 'tap'
import type { RateLimitOptions } from '../dist/index.js'
import { limitHeaders, openApp, statuses } from './open-app.js'

const perMinute: RateLimitOptions = { max: 2, timeWindow: '1 minute' }

/** Numbers that depend on the moment, as a pattern. */
const uptoAMinute = '(6[01]|[1-5]?[0-9])'

t.test(
  'draft: the policy and what is left of it; a refusal says when, and Retry-After is no earlier',
  async (t) => {
    const { app } = await openApp(t, perMinute)
    const first = await app.inject('/')
    t.match(limitHeaders(first), {
      'ratelimit-policy': '"default";q=2;w=60',
      ratelimit: new RegExp(`^"default";r=1;t=${uptoAMinute}$`),
    })
    t.equal(first.headers['retry-after'], undefined)
    t.equal(first.headers['x-ratelimit-limit'], undefined)
    await app.inject('/')
    const refused = await app.inject('/')
    const headers = limitHeaders(refused)
    t.match(headers, { 'ratelimit-policy': '"default";q=2;w=60', ratelimit: new RegExp(`^"default";r=0;t=`) })
    t.ok(Number(headers['retry-after']) >= Number(/t=(\d+)/.exec(String(headers['ratelimit']))?.[1]))
  },
)

t.test('draft: several policies are a list, names are quoted', async (t) => {
  const { app } = await openApp(t, {
    ...perMinute,
    name: 'per "address"',
    policies: [{ name: 'all', max: 1, keyGenerator: () => 'all' }],
  })
  const headers = limitHeaders(await app.inject('/'))
  t.match(headers, {
    'ratelimit-policy': '"per \\"address\\"";q=2;w=60, "all";q=1;w=60',
    ratelimit: /^"per \\"address\\"";r=1;t=\d+, "all";r=0;t=\d+$/,
  })
  const refused = limitHeaders(await app.inject({ url: '/', remoteAddress: '10.0.0.1' }))
  t.match(refused['ratelimit'], /"all";r=0/)
})

t.test('older drafts are there for clients that know no other', async (t) => {
  const seven = await openApp(t, { ...perMinute, draftVersion: 7 })
  t.match(limitHeaders(await seven.app.inject('/')), {
    'ratelimit-policy': '2;w=60',
    ratelimit: new RegExp(`^limit=2, remaining=1, reset=${uptoAMinute}$`),
  })
  const six = await openApp(t, { ...perMinute, enableDraftSpec: true })
  const headers = limitHeaders(await six.app.inject('/'))
  t.match(headers, { 'ratelimit-limit': 2, 'ratelimit-remaining': 1 })
  t.same(Object.keys(headers), ['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'])
})

t.test('legacy: three headers of the limit that matters most', async (t) => {
  const { app } = await openApp(t, {
    ...perMinute,
    headers: 'legacy',
    policies: [{ name: 'wide', max: 100 }],
  })
  const headers = limitHeaders(await app.inject('/'))
  t.match(headers, { 'x-ratelimit-limit': 2, 'x-ratelimit-remaining': 1 })
  t.same(Object.keys(headers), ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset'])
  await app.inject('/')
  t.match(limitHeaders(await app.inject('/')), { 'x-ratelimit-remaining': 0, 'retry-after': /^\d+$/ })
})

t.test('both, or none but Retry-After', async (t) => {
  const both = await openApp(t, { ...perMinute, headers: 'both' })
  const names = Object.keys(limitHeaders(await both.app.inject('/')))
  t.same(names, [
    'ratelimit-policy',
    'ratelimit',
    'x-ratelimit-limit',
    'x-ratelimit-remaining',
    'x-ratelimit-reset',
  ])
  const none = await openApp(t, { ...perMinute, headers: false })
  t.same(limitHeaders(await none.app.inject('/')), {})
  await none.app.inject('/')
  t.same(Object.keys(limitHeaders(await none.app.inject('/'))), ['retry-after'])
})

t.test('single headers can be left out, as in @fastify/rate-limit', async (t) => {
  const { app } = await openApp(t, {
    ...perMinute,
    headers: 'legacy',
    addHeaders: { 'x-ratelimit-limit': false, 'Retry-After': false },
    addHeadersOnExceeding: { 'x-ratelimit-reset': false },
  })
  t.same(Object.keys(limitHeaders(await app.inject('/'))), ['x-ratelimit-limit', 'x-ratelimit-remaining'])
  await app.inject('/')
  t.same(Object.keys(limitHeaders(await app.inject('/'))), ['x-ratelimit-remaining', 'x-ratelimit-reset'])
})

t.test('problem+json names the policies that refused', async (t) => {
  const { app } = await openApp(t, { ...perMinute, problemJson: true })
  await statuses(app, 2)
  const refused = await app.inject('/')
  t.equal(refused.statusCode, 429)
  t.match(refused.headers['content-type'], /^application\/problem\+json/)
  t.match(refused.json(), {
    type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
    title: 'Rate limit exceeded',
    status: 429,
    detail: /retry in/,
    code: 'STAY_RATE_EXCEEDED',
    'violated-policies': ['default'],
  })
  t.ok(refused.headers['retry-after'])
  t.equal((await app.inject('/nowhere')).statusCode, 429)
})

t.test('an error handler of the app gets the error, with its code', async (t) => {
  const { app } = await openApp(t, { max: 0 }, (app) => {
    app.setErrorHandler((error, _request, reply) => {
      const { code, policy } = Object.assign({ code: '', policy: '' }, error)
      return reply.code(429).send({ mine: code, policy })
    })
    app.get('/later', async () => 'ok')
  })
  t.same((await app.inject('/later')).json(), { mine: 'STAY_RATE_EXCEEDED', policy: 'default' })
})
