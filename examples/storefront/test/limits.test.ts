import { startRedisServer } from '@stayfast/test-kit'
import { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { DEMO_PASSWORD } from './demo-password.js'
import { openStorefront } from './open-storefront.js'

const catalogue = await openCatalogue({ kind: 'memory' }, () => undefined)
t.teardown(() => catalogue.close())

const statusOf = async (app: FastifyInstance, url: string): Promise<number> =>
  (await app.inject(url)).statusCode

t.test('two processes admit as many as one, and still refuse after a restart', async (t) => {
  const redis = await startRedisServer({}, t)
  const environment = { REDIS_URL: redis.url, RATE_LIMIT_MAX: '10' }
  const apps = [
    await openStorefront(t, environment, catalogue),
    await openStorefront(t, environment, catalogue),
  ]
  const answers: number[] = []
  for (let count = 0; count < 7; count += 1) {
    for (const app of apps) answers.push(await statusOf(app, '/nowhere'))
  }
  t.equal(answers.filter((status) => status === 404).length, 10)
  t.equal(answers.filter((status) => status === 429).length, 4)
  const { headers } = (await apps[0]?.inject('/nowhere')) ?? {}
  t.match(headers, { ratelimit: /r=0/, 'x-ratelimit-limit': '10', 'x-ratelimit-remaining': '0' })
  t.match(headers, { 'retry-after': /^\d+$/ }, 'in the words of the draft and in those that are older')
  const restarted = await openStorefront(t, environment, catalogue)
  t.equal(await statusOf(restarted, '/nowhere'), 429)
  for (const path of ['/', '/api/v1/health', '/livez', '/readyz', '/dashboard', '/webhooks/shopify']) {
    t.not(await statusOf(restarted, path), 429, path)
  }
})

t.test('whoever guesses passwords is stopped early, and told when to come again', async (t) => {
  const app = await openStorefront(t, { RATE_LIMIT_MAX: '1000' }, catalogue)
  const guess = (password: string): Promise<LightMyRequestResponse> =>
    app.inject({ method: 'POST', url: '/auth/login', payload: { email: 'vendor-1@demo.test', password } })
  for (let count = 0; count < 20; count += 1) t.equal((await guess(`guess ${count}`)).statusCode, 401)
  const refused = await guess(DEMO_PASSWORD)
  t.equal(refused.statusCode, 429)
  t.match(refused.headers, { 'retry-after': /^\d+$/ })
  t.match(refused.json(), { statusCode: 429, code: String })
  t.equal(await statusOf(app, '/nowhere'), 404, 'and nothing else of that address')
})

t.test('guessing is never allowed more than anything else', async (t) => {
  const app = await openStorefront(t, { RATE_LIMIT_MAX: '3' }, catalogue)
  const answers: number[] = []
  for (let count = 0; count < 5; count += 1) {
    const { statusCode } = await app.inject({
      method: 'POST',
      url: '/auth/login',
      payload: { email: 'vendor-1@demo.test', password: DEMO_PASSWORD },
    })
    answers.push(statusCode)
  }
  t.same(answers, [200, 200, 200, 429, 429])
})

t.test(
  'behind a proxy that is believed each client has its own limit, and without that all share one',
  async (t) => {
    const answers = async (environment: NodeJS.ProcessEnv): Promise<number[]> => {
      const app = await openStorefront(t, { RATE_LIMIT_MAX: '1', ...environment }, catalogue)
      const clients = ['203.0.113.1', '203.0.113.2', 'chosen by the client, 203.0.113.1']
      const seen: number[] = []
      for (const client of clients) {
        seen.push((await app.inject({ url: '/nowhere', headers: { 'x-forwarded-for': client } })).statusCode)
      }
      return seen
    }
    t.same(await answers({ TRUSTED_PROXIES: '1' }), [404, 404, 429])
    t.same(await answers({}), [404, 429, 429])
  },
)
