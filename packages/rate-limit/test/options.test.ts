import Fastify from 'fastify'
import t from 'tap'
import rateLimit from '../dist/index.js'
import { checkOptions, defaultOptions } from '../dist/options.js'

const code = 'STAY_RATE_OPTION_INVALID'

t.test('without options and environment the defaults hold, and nobody can change them', async (t) => {
  t.same(checkOptions({}, {}), { ...defaultOptions })
  t.same(checkOptions(Object.fromEntries([['max', undefined]]), {}), { ...defaultOptions })
  t.throws(() => Object.assign(defaultOptions, { max: 1 }), TypeError)
})

t.test('the environment holds where an option is not given', async (t) => {
  const env = { RATE_LIMIT_MAX: '7', RATE_LIMIT_WINDOW_SECONDS: '60' }
  t.match(checkOptions({}, env), { enabled: true, max: 7, timeWindow: 60_000 })
  t.match(checkOptions({ max: 5, timeWindow: '1 hour' }, env), { max: 5, timeWindow: '1 hour' })
  t.match(checkOptions({}, { RATE_LIMIT_MAX: ' ', RATE_LIMIT_WINDOW_SECONDS: '' }), { max: 100 })
  for (const wrong of ['-1', 'many', '1.5', 'NaN']) {
    t.throws(() => checkOptions({}, { RATE_LIMIT_MAX: wrong }), { code, message: /RATE_LIMIT_MAX/ }, wrong)
  }
  for (const wrong of ['0', '1e13', '3153600001']) {
    t.throws(() => checkOptions({}, { RATE_LIMIT_WINDOW_SECONDS: wrong }), { code }, wrong)
  }
})

t.test('RATE_LIMIT_MAX=0 turns all limits off, unless the app says its own max', async (t) => {
  t.match(checkOptions({}, { RATE_LIMIT_MAX: '0' }), { enabled: false })
  t.match(checkOptions({ enabled: true }, { RATE_LIMIT_MAX: '0' }), { enabled: true, max: 100 })
  t.match(checkOptions({ max: 3 }, { RATE_LIMIT_MAX: '0' }), { enabled: true, max: 3 })
})

t.test('an unknown option is refused and the nearest known one is named', async (t) => {
  for (const [option, nearest] of [
    ['maxx', 'max'],
    ['timewindow', 'timeWindow'],
    ['algorythm', 'algorithm'],
    ['excludes', 'exclude'],
  ] as const) {
    t.throws(() => checkOptions(Object.fromEntries([[option, 1]]), {}), {
      code,
      message: `rate-limit has no option "${option}". Did you mean "${nearest}"?`,
    })
  }
})

t.test('a value that an option cannot have is refused', async (t) => {
  const cases: readonly (readonly [option: string, value: unknown])[] = [
    ['max', -1],
    ['max', 1.5],
    ['max', '100'],
    ['timeWindow', 0],
    ['timeWindow', 'soon'],
    ['timeWindow', Infinity],
    ['algorithm', 'leaky-bucket'],
    ['burst', 0],
    ['cost', -1],
    ['hook', 'onSend'],
    ['allowList', '127.0.0.1'],
    ['headers', true],
    ['draftVersion', 10],
    ['exclude', ['*']],
    ['cache', 1e12],
    ['exclude', ['webhooks']],
    ['exclude', ['/a*b']],
    ['onOutage', 'allow'],
    ['policies', {}],
    ['name', 'näme'],
    ['ipv6Subnet', 129],
    ['addHeaders', { 'retry-after': 'no' }],
    ['returnAfterSeconds', -1],
  ]
  for (const [option, value] of cases) {
    t.throws(
      () => checkOptions(Object.fromEntries([[option, value]]), {}),
      { code },
      `${option}: ${JSON.stringify(value)}`,
    )
  }
})

t.test('policies need names, each its own', async (t) => {
  t.throws(() => checkOptions({ policies: [{ max: 1 }] }, {}), { code, message: /needs a name/ })
  t.throws(() => checkOptions({ policies: [{ name: 'a' }, { name: 'a' }] }, {}), { code, message: /"a"/ })
  t.throws(() => checkOptions({ policies: [Object.fromEntries([['named', 'a']])] }, {}), {
    message: 'a policy of rate-limit has no option "named". Did you mean "name"?',
  })
})

t.test(
  'a route with a misspelt option, or groups that cannot share, is refused when it is registered',
  async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    await app.register(rateLimit, { redis: false })
    const get = (url: string, limit: unknown) => () => {
      app.get(url, { config: Object.fromEntries([['rateLimit', limit]]) }, async () => 'ok')
    }
    t.throws(get('/a', { maxx: 1 }), {
      code,
      message: 'config.rateLimit of GET /a has no option "maxx". Did you mean "max"?',
    })
    t.throws(get('/b', true), { code, message: /takes an object of options, or false/ })
    t.throws(get('/c', { policies: [{ max: 1 }] }), { code })
    get('/d', { groupId: 'g', timeWindow: 1000 })()
    t.throws(get('/e', { groupId: 'g', timeWindow: 2000 }), { code, message: /group "g"/ })
  },
)

t.test('options of @fastify/rate-limit that are called otherwise here mean the same', async (t) => {
  t.match(checkOptions({ enableDraftSpec: true }, {}), { headers: 'draft', draftVersion: 6 })
  t.match(checkOptions({ enableDraftSpec: true, draftVersion: 11 }, {}), { draftVersion: 11 })
  t.match(checkOptions({ enableDraftSpec: false }, {}), { headers: 'draft', draftVersion: 11 })
})

t.test('two limits of one request cannot share a counter, which would count it twice', async (t) => {
  const max = 10
  const twice = { code, message: /"user".*count it twice/ }
  for (const options of [
    { name: 'user', policies: [{ name: 'user', max }] },
    { groupId: 'user', policies: [{ name: 'user', max }] },
    {
      policies: [
        { name: 'a', groupId: 'user' },
        { name: 'b', groupId: 'user' },
      ],
    },
  ]) {
    const app = Fastify()
    t.teardown(() => app.close())
    await t.rejects(async () => app.register(rateLimit, { redis: false, ...options }), twice)
  }
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(rateLimit, { redis: false, policies: [{ name: 'user', max }] })
  for (const rateLimit of [{ name: 'user' }, { groupId: 'user' }]) {
    t.throws(() => app.get('/twice', { config: { rateLimit } }, async () => 'ok'), twice)
  }
})

t.test('skipOnError: true and another onOutage contradict each other', async (t) => {
  const contradicting = { skipOnError: true, onOutage: 'closed' } as const
  t.throws(() => checkOptions(contradicting, {}), { code, message: /contradict/ })
  t.throws(() => checkOptions({ policies: [{ name: 'a', ...contradicting }] }, {}), { code })
  t.match(checkOptions({ skipOnError: true, onOutage: 'open' }, {}), { onOutage: 'open' })
})
