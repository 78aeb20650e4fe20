import { eventually, startRedisServer, type TeardownHost, startStopwatch } from '@stayfast/test-kit'
import { type FastifyInstance } from 'fastify'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { EventStream } from '../dist/dashboard/event-stream.js'
import { type LiveReport } from '../dist/dashboard/live-report.js'
import { LiveStreams } from '../dist/dashboard/live-streams.js'
import { PageTemplate } from '../dist/dashboard/page-template.js'
import { WebhookWatch } from '../dist/dashboard/webhook-numbers.js'
import { EventReader } from './event-reader.js'
import { openStorefront } from './open-storefront.js'
import { StorefrontClient } from './storefront-client.js'

const catalogue = await openCatalogue({ kind: 'memory' }, () => undefined)
t.teardown(() => catalogue.close())

async function listening(owner: TeardownHost, environment: NodeJS.ProcessEnv = {}): Promise<FastifyInstance> {
  const app = await openStorefront(owner, environment, catalogue)
  await app.listen({ port: 0 })
  return app
}

interface Devices {
  sessions: { id: string; current: boolean }[] | null
}

t.test('without Redis the figures come as well, of one’s own requests, and for admins of all', async (t) => {
  const app = await listening(t, { RATE_LIMIT_MAX: '50' })
  const shop = await new StorefrontClient(app).open()
  const neighbour = await new StorefrontClient(app, '00000000-0000-4000-8000-000000000002').open()
  const admin = await new StorefrontClient(app).signIn('admin')
  await shop.ask('GET', '/products?search=secret')
  await shop.ask('GET', '/products?search=secret')
  await neighbour.ask('GET', '/inventory')

  const own = await (await EventReader.open(app, shop.cookie, t)).next<LiveReport>('figures')
  t.match(own, {
    status: 'off',
    redis: { status: 'off', provider: 'none' },
    cache: { hits: 1, misses: 1, hitRate: 50 },
    limit: { max: 50, by: 'memory' },
    webhooks: { waiting: 0, active: 0, delayed: 0, deadLetters: 0 },
  })
  t.match(own.requests, [
    { method: 'GET', route: '/api/:instanceId/products', statusCode: 200, cache: 'HIT' },
    { cache: 'MISS' },
  ])
  t.notMatch(JSON.stringify(own), /secret|0000-4000|inventory/)

  const all = await (await EventReader.open(app, admin.cookie, t)).next<LiveReport>('figures')
  t.match(all.requests[0], { route: '/api/:instanceId/inventory' })
  t.equal((await app.inject('/dashboard/events')).statusCode, 401, 'nothing for visitors')
  t.equal((await app.inject({ method: 'HEAD', url: '/dashboard/events' })).statusCode, 404)
})

t.test('while Redis is away the stream goes on, says so, and tells when it is back', async (t) => {
  const redis = await startRedisServer({ appendOnly: true }, t)
  const app = await listening(t, { REDIS_URL: redis.url })
  const shop = await new StorefrontClient(app).open()
  const reader = await EventReader.open(app, shop.cookie, t)
  t.match(await reader.next<LiveReport>('figures'), {
    status: 'ok',
    redis: { status: 'up', server: /^redis / },
  })
  t.match(await reader.next<Devices>('sessions'), { sessions: [{ current: true }] })

  await shop.ask('GET', '/products')
  await shop.ask('GET', '/products')
  const seen = await reader.next<LiveReport>('figures', ({ requests }) => requests[0]?.cache === 'HIT')
  t.equal(seen.requests[0]?.commands, 1, 'the session; the instance and the page are in memory')
  t.ok((seen.commands.perRequest ?? 0) >= 1)

  await shop.ask('PUT', '/products/p-1-1', { stock: 9 })
  const changed = await reader.next<LiveReport>('figures', ({ requests }) => requests[0]?.method === 'PUT')
  t.ok((changed.requests[0]?.commands ?? 0) > 1, 'what follows the body is counted as well')

  await redis.kill()
  t.match(await reader.next<LiveReport>('figures', ({ status }) => status === 'degraded'), {
    redis: { latency: null },
  })
  t.match(await reader.next<Devices>('sessions', ({ sessions }) => sessions === null), { sessions: null })
  t.equal((await shop.ask('GET', '/products')).statusCode, 200)
  await redis.restart({ keepData: true })
  const back = await reader.next<LiveReport>(
    'figures',
    ({ status, redis }) => status === 'ok' && redis.lastOutage !== null,
  )
  t.ok((back.redis.lastOutage?.seconds ?? 0) > 0)
})

t.test('a page learns at once where else its user signs in, and that it was signed out there', async (t) => {
  const app = await listening(t)
  const here = await new StorefrontClient(app).open()
  const there = await new StorefrontClient(app).signIn()
  const ours = await EventReader.open(app, here.cookie, t)
  const theirs = await EventReader.open(app, there.cookie, t)
  const { sessions } = await ours.next<Devices>('sessions', ({ sessions }) => sessions?.length === 2)
  const other = sessions?.find(({ current }) => !current)?.id ?? ''
  t.equal((await here.send('DELETE', `/auth/sessions/${other}`)).statusCode, 204)
  await theirs.next('signed-out')
  await theirs.ended()
  await ours.next<Devices>('sessions', ({ sessions }) => sessions?.length === 1)
  await here.send('POST', '/auth/logout')
  await ours.ended()
})

t.test('streams are bounded, cost no limit, and end with the app', async (t) => {
  const app = await listening(t, { RATE_LIMIT_MAX: '10' })
  const shop = await new StorefrontClient(app).open()
  const streams = []
  for (let count = 0; count < 6; count += 1) streams.push(await EventReader.open(app, shop.cookie, t))
  await t.rejects(EventReader.open(app, shop.cookie, t), { message: /503.*SHOP_STREAMS_BUSY/ })
  t.equal((await shop.send('GET', '/auth/session')).statusCode, 200, 'the limit is not touched')
  streams[0]?.close()
  const again = await eventually(() => EventReader.open(app, shop.cookie, t))
  const elapsedMs = startStopwatch()
  await app.close()
  await again.ended()
  t.ok(elapsedMs() < 5_000)
  t.equal(app.requestWatch.commands.perDay, null, 'nobody looks, nothing is counted')
})

t.test(
  'a stream is told only what is new, beats, and ends after a while, and then nobody is looked for',
  async (t) => {
    let attended = 0
    let looks = 0
    const streams = new LiveStreams<object>(
      {
        attend: () => {
          attended += 1
          return () => {
            attended -= 1
          }
        },
        common: () => {
          looks += 1
          return Promise.resolve({ same: true })
        },
        figuresFor: (common) => common,
        onError: (error) => {
          throw error
        },
      },
      { everyMs: 5, beatEveryMs: 20, livesMs: 200 },
    )
    const viewer = { userId: 'one', admin: false, sessions: () => Promise.resolve(undefined) }
    const { body } = streams.open(viewer)
    t.equal(attended, 1)
    const told = await Promise.race([text(body), delay(20_000, 'never', { ref: false })])
    t.equal(told.match(/event: figures/g)?.length, 1)
    t.match(told, /event: beat/)
    t.match(told, 'event: sessions\ndata: {"sessions":null}')
    await eventually(() => attended === 0)
    const before = looks
    await delay(50)
    t.equal(looks, before)
  },
)

t.test('a reader that is too slow is not buffered for without end', async (t) => {
  const stream = new EventStream()
  for (let count = 0; count < 10_000; count += 1) stream.send('figures', { count })
  t.ok(stream.body.readableLength + stream.body.writableLength < 200_000)
  stream.end()
  stream.send('figures', { count: -1 })
  t.notOk(stream.open)
})

t.test('the queue of the webhooks is shown where there is one that answers', async (t) => {
  t.equal(await new WebhookWatch(() => undefined).numbers(), null)
  let asked = 0
  const queue = { waiting: 2, active: 1, delayed: 0, deadLetters: 0, oldestWaitingSeconds: 3 }
  const watch = new WebhookWatch(() => ({
    stats: () => {
      asked += 1
      return Promise.resolve({ queue })
    },
  }))
  t.same(await watch.numbers(), { waiting: 2, active: 1, delayed: 0, deadLetters: 0 })
  await watch.numbers()
  t.equal(asked, 1, 'asking costs commands')
  const away = new WebhookWatch(() => ({ stats: () => Promise.reject(new Error('away')) }))
  t.equal(await away.numbers(), null)
})

t.test('what is put into the page is text', async (t) => {
  const page = new PageTemplate('<p title="{{one}}">{{two}}</p>')
  t.equal(page.fill({ one: '"', two: '<b>&' }), '<p title="&quot;">&lt;b&gt;&amp;</p>')
  t.throws(() => page.fill({ one: '' }), { message: /\{\{two\}\}/ })
})
