import { eventually, startRedisServer, startStopwatch } from '@stayfast/test-kit'
import { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import { generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { availableParallelism, loadavg } from 'node:os'
import t, { type Test } from 'tap'
import { saleTags } from '../dist/api/sale-tags.js'
import { type Database } from '../dist/catalogue/database.js'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { WebhookEvents } from '../dist/catalogue/webhook-events.js'
import { type Order, type Product } from '../dist/dashboard/browser/api-types.js'
import { appUninstalled } from '../dist/webhooks/app-uninstalled.js'
import { EventTenants } from '../dist/webhooks/event-tenants.js'
import { orderCreated } from '../dist/webhooks/order-created.js'
import { type Sample, signedSample } from '../dist/webhooks/signed-sample.js'
import { openStorefront } from './open-storefront.js'
import { signInstanceToken } from './sign-instance-token.js'
import { StorefrontClient } from './storefront-client.js'

const own = '00000000-0000-4000-8000-000000000001'
const neighbours = '00000000-0000-4000-8000-000000000002'
const secrets = {
  WEBHOOK_SECRET_SHOPIFY: 'secret of shopify',
  WEBHOOK_SECRET_GENERIC: 'new secret, old secret',
}
/** Once the link has left `up`, an answer takes no longer than this. */
const promptMs = 50

const catalogue = await openCatalogue({ kind: 'memory' }, () => undefined)
t.teardown(() => catalogue.close())
/** One for all the apps of this file, which come and go. */
const shared: Database = unclosed(catalogue)

function unclosed(database: Database): Database {
  return {
    query: (sql, parameters) => database.query(sql, parameters),
    transaction: (work) => database.transaction(work),
    close: () => Promise.resolve(),
  }
}

const open = (
  t: Test,
  environment: NodeJS.ProcessEnv = {},
  database: Database = shared,
): Promise<FastifyInstance> => openStorefront(t, { ...secrets, ...environment }, database)

type Sent = Partial<Sample> & { headers?: Record<string, string> }

/** What a sender posts; by default an order of the first vendor, under an id of its own. */
function deliver(
  app: FastifyInstance,
  { headers: more = {}, ...given }: Sent = {},
): Promise<LightMyRequestResponse> {
  const { path, headers, body } = signedSample({
    provider: 'generic',
    secret: given.provider === 'shopify' ? secrets.WEBHOOK_SECRET_SHOPIFY : 'new secret',
    webhookId: randomUUID(),
    topic: 'orders/create',
    tenant: own,
    payload: { id: randomUUID(), productId: 'p-1-1', quantity: 1 },
    ...given,
  })
  return app.inject({ method: 'POST', url: path, headers: { ...headers, ...more }, payload: body })
}

const handled = (app: FastifyInstance, count: number): Promise<unknown> =>
  eventually(async () => (await app.webhooks.stats()).process.handled === count, { withinMs: 15_000 })

async function noteOf(webhookId: string): Promise<unknown> {
  const [row] = await catalogue.query('select note from storefront.webhook_events where event_id = $1', [
    webhookId,
  ])
  return row?.['note']
}

t.test('who is not configured is a 404, who signs wrong a 401', async (t) => {
  const app = await openStorefront(t, { WEBHOOK_SECRET_GENERIC: secrets.WEBHOOK_SECRET_GENERIC }, shared)
  t.match((await deliver(app, { provider: 'shopify' })).json(), {
    statusCode: 404,
    code: 'STAY_WEBHOOK_PROVIDER_UNKNOWN',
  })
  for (const path of ['/webhooks/wix', '/webhooks/stripe', '/webhooks/constructor']) {
    t.equal((await app.inject({ method: 'POST', url: path, payload: {} })).statusCode, 404, path)
  }
  t.match((await deliver(app, { secret: 'another secret' })).json(), {
    statusCode: 401,
    code: 'STAY_WEBHOOK_UNSIGNED',
    message: 'Unauthorized',
  })
  const event = { webhookId: 'rotated', payload: { id: 'rotated', productId: 'p-1-2', quantity: 1 } }
  t.equal((await deliver(app, { ...event, secret: 'old secret' })).statusCode, 202, 'while secrets rotate')
  t.equal((await deliver(app, { ...event, secret: 'new secret' })).statusCode, 200)
  const unsecured = await openStorefront(t, {}, shared)
  t.equal((await deliver(unsecured)).statusCode, 404)
})

t.test('a key that is none stops the start, and says of which variable', async (t) => {
  await t.rejects(openStorefront(t, { WIX_PUBLIC_KEY: 'none' }, shared), {
    code: 'SHOP_CONFIG_INVALID',
    message: /WIX_PUBLIC_KEY/,
    cause: Error,
  })
})

t.test('an order that is told of three times is recorded once, and seen by the next read', async (t) => {
  const app = await open(t)
  const shop = await new StorefrontClient(app, own).open()
  await shop.ask('PUT', '/products/p-1-50', { stock: 10, priceCents: 250, name: 'Told of' })
  const stock = async (): Promise<number | undefined> =>
    (await shop.ask('GET', '/products?search=Told%20of')).json<Product[]>()[0]?.stock
  const figures = async (): Promise<{ orderCount: number }> =>
    (await shop.send('GET', '/api/vendor/analytics/snapshot')).json()
  const orders = async (): Promise<Order[]> =>
    (await shop.ask('GET', '/orders?search=generic-77')).json<Order[]>()
  const { orderCount } = await figures()
  t.equal(await stock(), 10)

  const event = { webhookId: 'w-77', payload: { id: 77, productId: 'p-1-50', quantity: 3 } }
  const statuses: number[] = []
  for (let count = 0; count < 3; count += 1) statuses.push((await deliver(app, event)).statusCode)
  t.strictSame(statuses, [202, 200, 200])
  await handled(app, 1)
  t.match(await orders(), [
    { id: 'generic-77', productId: 'p-1-50', quantity: 3, totalCents: 750, status: 'pending' },
  ])
  t.equal(await stock(), 7)
  t.equal((await figures()).orderCount, orderCount + 1)

  const again = await deliver(app, { ...event, webhookId: 'w-78' })
  t.equal(again.statusCode, 202, 'another event')
  await handled(app, 2)
  t.equal((await orders()).length, 1, 'of the same order')
  t.equal(await stock(), 7)
  const other = await deliver(app, { ...event, payload: { ...event.payload, quantity: 4 } })
  t.match(other.json(), { statusCode: 422, code: 'STAY_WEBHOOK_CONFLICT' })
  t.equal((await shop.ask('GET', '/orders?limit=1')).json<Order[]>()[0]?.id, 'generic-77', 'the newest')
})

t.test('Shopify names the shop: that of the instance, else it is the first vendor of the demo', async (t) => {
  const app = await open(t, { APP_SECRET: 'secret of the app' })
  const vendorOf = async (id: string): Promise<unknown> => {
    const [row] = await catalogue.query('select vendor_id from storefront.orders where id = $1', [
      `shopify-${id}`,
    ])
    return row?.['vendor_id']
  }
  const order = (id: string, productId: string): Sent => ({
    provider: 'shopify',
    tenant: 'Two.myshopify.com',
    payload: { id, productId, quantity: 1, line_items: [] },
  })
  t.equal((await deliver(app, order('before', 'p-1-5'))).statusCode, 202)
  await handled(app, 1)
  t.equal(await vendorOf('before'), 'vendor-1')

  const token = signInstanceToken({ instanceId: neighbours, shop: 'two.myshopify.com' }, 'secret of the app')
  const installed = await app.inject({ method: 'POST', url: '/api/instances', payload: { instance: token } })
  t.equal(installed.statusCode, 201)
  await deliver(app, order('after', 'p-2-5'))
  await handled(app, 2)
  t.equal(await vendorOf('after'), 'vendor-2', 'what was remembered of the shop is forgotten')

  await deliver(app, { provider: 'shopify', tenant: 'two.myshopify.com', topic: 'app/uninstalled' })
  await handled(app, 3)
  t.equal(await app.tenantInstances.get(neighbours), undefined)
  await deliver(app, order('later', 'p-1-5'))
  await handled(app, 4)
  t.equal(await vendorOf('later'), 'vendor-1')

  t.equal((await app.inject(`/dashboard?instance=${token}`)).statusCode, 200)
  await deliver(app, order('opened', 'p-2-5'))
  await handled(app, 5)
  t.equal(await vendorOf('opened'), 'vendor-2', 'the dashboard opens an instance as well')
})

t.test('in production a shop that nobody has installed is nobody', async (t) => {
  const app = await open(t, { NODE_ENV: 'production', SESSION_SECRET: 'x'.repeat(32), APP_SECRET: 'x' })
  t.equal(
    (await deliver(app, { provider: 'shopify', webhookId: 'w-none', tenant: 'none.test' })).statusCode,
    202,
  )
  await handled(app, 1)
  t.match(await noteOf('w-none'), /nobody has installed/)
})

t.test('Wix signs a token with its key, and names the instance in it', async (t) => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const app = await open(t, { WIX_PUBLIC_KEY: pem.replaceAll('\n', String.raw`\n`) })
  await new StorefrontClient(app, neighbours).open()
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const data = JSON.stringify({ id: 'a-1', productId: 'p-2-9', quantity: 1 })
  const claims = {
    data: JSON.stringify({ instanceId: neighbours, eventType: 'orders/create', data }),
    iat: Math.floor(Date.now() / 1000),
  }
  const content = `${part({ alg: 'RS256' })}.${part(claims)}`
  const token = `${content}.${sign('RSA-SHA256', Buffer.from(content), privateKey).toString('base64url')}`
  const post = (payload: string): Promise<LightMyRequestResponse> =>
    app.inject({ method: 'POST', url: '/webhooks/wix', payload, headers: { 'content-type': 'text/plain' } })
  t.equal((await post(token.slice(0, -4))).statusCode, 401)
  t.equal((await post(token)).statusCode, 202)
  t.equal((await post(token)).statusCode, 200)
  await handled(app, 1)
  const [row] = await catalogue.query(`select vendor_id from storefront.orders where id = 'wix-a-1'`)
  t.equal(row?.['vendor_id'], 'vendor-2')
})

t.test('what is no order of ours is taken and noted', async (t) => {
  const app = await open(t)
  await new StorefrontClient(app, own).open()
  const sent: [string, Sent, RegExp][] = [
    ['no product', { payload: { id: 1, productId: 'p-2-1', quantity: 1 } }, /no product p-2-1/],
    ['no order', { payload: { id: 1, line_items: [{ sku: 'x' }] } }, /no id, productId and quantity/],
    ['no quantity', { payload: { id: 1, productId: 'p-1-1', quantity: 0 } }, /no id, productId and quantity/],
    ['nobody', { tenant: randomUUID() }, /nobody has installed/],
    ['no name', { tenant: 'x' }, /nobody has installed/],
    ['another topic', { topic: 'products/update' }, /nothing is done about this topic/],
    ['not there', { topic: 'app/uninstalled', tenant: randomUUID() }, /nobody has installed/],
  ]
  for (const [webhookId, event] of sent) {
    t.equal((await deliver(app, { webhookId, ...event })).statusCode, 202, webhookId)
  }
  await handled(app, sent.length)
  for (const [webhookId, , note] of sent) t.match(await noteOf(webhookId), note)
  t.match((await app.webhooks.stats()).queue, { waiting: 0, deadLetters: 0 })
})

t.test('an app that is uninstalled loses its instance, and not the next one', async (t) => {
  const app = await open(t)
  const shop = await new StorefrontClient(app, own).open()
  t.equal((await shop.ask('GET', '/orders')).statusCode, 200)
  await deliver(app, { topic: 'app/uninstalled', payload: {} })
  await handled(app, 1)
  t.equal((await shop.ask('GET', '/orders')).statusCode, 404)

  const { tenantInstances: instances, taggedCache: cache } = app
  const events = new WebhookEvents(catalogue)
  const tenants = new EventTenants({ instances, cache, demo: true })
  const handle = appUninstalled({ events, tenants, instances, cache })
  const event = runOf({ topic: 'app/uninstalled', payload: {} })
  await shop.open()
  await handle(event, { signal: new AbortController().signal })
  t.equal((await shop.ask('GET', '/orders')).statusCode, 404)
  await shop.open()
  await handle(event, { signal: new AbortController().signal })
  t.equal((await shop.ask('GET', '/orders')).statusCode, 200, 'a run that comes again deletes nothing')
})

t.test('a run that comes again changes nothing twice, and invalidates what the first did not', async (t) => {
  const events = new WebhookEvents(catalogue)
  await catalogue.query(
    `update storefront.products set stock = 5 where vendor_id = 'vendor-1' and id = 'p-1-60'`,
  )
  const invalidated: (readonly string[])[] = []
  let ends = true
  const handle = orderCreated({
    events,
    tenants: new EventTenants({
      demo: true,
      instances: {
        get: (id) => Promise.resolve({ id, vendorId: 'vendor-1', openedAt: '' }),
        list: () => Promise.resolve({ items: [], cursor: undefined }),
      },
      cache: { getOrSet: () => Promise.reject(new Error('nobody asks for a shop')) },
    }),
    cache: {
      invalidateTags: (tags) => {
        if (ends) return Promise.reject(new Error('the process ends here'))
        invalidated.push(tags)
        return Promise.resolve({ delivered: true, durability: 'redis' })
      },
    },
  })
  const event = runOf({ payload: { id: 'again', productId: 'p-1-60', quantity: 2 } })
  const context = { signal: new AbortController().signal }
  await t.rejects(async () => handle(event, context), /ends here/)
  ends = false
  await Promise.all([handle(event, context), handle(event, context)])
  t.strictSame(invalidated, [saleTags('vendor-1'), saleTags('vendor-1')])
  const [product] = await catalogue.query(
    `select stock from storefront.products where vendor_id = 'vendor-1' and id = 'p-1-60'`,
  )
  t.equal(product?.['stock'], 3)
})

/** An event as its handler gets it. */
function runOf({ topic = 'orders/create', payload }: { topic?: string; payload: unknown }): {
  id: string
  provider: string
  topic: string
  tenantId: string
  payload: unknown
  body: string
  receivedAt: Date
  attempt: number
  repeated: boolean
  idempotencyToken: string
} {
  const id = randomUUID()
  return {
    id,
    provider: 'generic',
    topic,
    tenantId: own,
    payload,
    body: JSON.stringify(payload),
    receivedAt: new Date(),
    attempt: 1,
    repeated: false,
    idempotencyToken: `wh_${id}`,
  }
}

t.test('admins see queue and dead letters, replay and discard them; nobody else does', async (t) => {
  let broken = true
  const app = await open(
    t,
    { QUEUE_ATTEMPTS: '1' },
    {
      ...shared,
      transaction: (work) =>
        broken ? Promise.reject(new Error('the database is away')) : catalogue.transaction(work),
    },
  )
  const shop = await new StorefrontClient(app, own).open()
  const admin = await new StorefrontClient(app, own).signIn('admin')
  for (const id of ['dead-1', 'dead-2']) {
    await deliver(app, { webhookId: id, payload: { id, productId: 'p-1-70', quantity: 1 } })
    await deliver(app, { webhookId: id, payload: { id, productId: 'p-1-70', quantity: 1 } })
    await eventually(async () => (await app.webhooks.stats()).queue.deadLetters === Number(id.slice(-1)))
  }
  const overview = await admin.send('GET', '/api/admin/webhooks?limit=1')
  t.match(overview.json(), {
    queue: { waiting: 0, active: 0, delayed: 0, deadLetters: 2, oldestWaitingSeconds: 0 },
    process: { accepted: 2, duplicates: 2, handled: 0, failed: 2, deadLettered: 2, unsigned: 0, deferred: 0 },
    deadLetters: [
      { eventId: 'dead-2', provider: 'generic', topic: 'orders/create', tenantId: own, attempts: 1 },
    ],
  })
  const cursor = overview.headers['x-next-cursor']
  const rest = await admin.send('GET', `/api/admin/webhooks?limit=1&cursor=${String(cursor)}`)
  const letters = [overview, rest].flatMap(
    (page) => page.json<{ deadLetters: { id: string }[] }>().deadLetters,
  )
  t.match(letters, [{ eventId: 'dead-2' }, { eventId: 'dead-1', reason: 'the database is away' }])
  t.notOk('x-next-cursor' in rest.headers)
  t.equal((await admin.send('GET', '/api/admin/webhooks?cursor=x')).statusCode, 400)

  const [discarded = '', replayed = ''] = letters.map(({ id }) => `/api/admin/webhooks/dead-letters/${id}`)
  for (const [method, url] of [
    ['GET', '/api/admin/webhooks'],
    ['GET', '/api/admin/webhooks/events'],
    ['POST', `${replayed}/replay`],
    ['DELETE', discarded],
  ] as const) {
    t.equal((await shop.send(method, url)).statusCode, 403, `${method} by a vendor`)
    t.equal((await app.inject({ method, url })).statusCode, 401, `${method} by a visitor`)
    if (method === 'GET') continue
    const forged = await admin.send(method, url, undefined, { 'x-csrf-token': 'made up' })
    t.equal(forged.statusCode, 403, `${method} without the token`)
  }

  broken = false
  t.equal((await admin.send('POST', `${replayed}/replay`)).statusCode, 204)
  await handled(app, 1)
  t.match((await shop.ask('GET', '/orders?search=generic-dead')).json(), [{ id: 'generic-dead-1' }])
  t.equal((await admin.send('DELETE', discarded)).statusCode, 204)
  for (const [method, url] of [
    ['POST', `${replayed}/replay`],
    ['DELETE', discarded],
  ] as const) {
    t.match((await admin.send(method, url)).json(), { statusCode: 404, code: 'SHOP_DEAD_LETTER_NOT_FOUND' })
  }
  t.match((await admin.send('GET', '/api/admin/webhooks')).json(), {
    queue: { deadLetters: 0 },
    deadLetters: [],
  })
  t.match((await admin.send('GET', '/api/admin/webhooks/events?limit=1')).json(), [
    { eventId: 'dead-1', vendorId: 'vendor-1', outcome: 'order', note: 'generic-dead-1' },
  ])
})

t.test('senders are not limited, and asked for neither session nor token', async (t) => {
  const app = await open(t, { RATE_LIMIT_MAX: '1' })
  const { cookies } = await app.inject({
    method: 'POST',
    url: '/auth/login',
    payload: { email: 'vendor-1@demo.test', password: 'the password of the demo' },
  })
  const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ')
  t.ok(cookie !== '')
  for (let count = 0; count < 5; count += 1) {
    const response = await deliver(app, { headers: { cookie } })
    t.equal(response.statusCode, 202)
    t.notOk('set-cookie' in response.headers)
  }
})

t.test('on Redis: 503 within 50 ms while it is away, and nothing is lost or done twice', async (t) => {
  const redis = await startRedisServer({ appendOnly: true }, t)
  const app = await open(t, { REDIS_URL: redis.url })
  const shop = await new StorefrontClient(app, own).open()
  const { cookies } = await app.inject({
    method: 'POST',
    url: '/auth/login',
    payload: { email: 'vendor-1@demo.test', password: 'the password of the demo' },
  })
  const headers = { cookie: cookies.map(({ name, value }) => `${name}=${value}`).join('; ') }
  const orders = async (id: string): Promise<number> =>
    (await shop.ask('GET', `/orders?search=generic-${id}`)).json<Order[]>().length
  const links = (['queue', 'webhook'] as const).map((role) => app.redisConnection.link(role))
  const order = (id: string): Sent => ({ webhookId: id, payload: { id, productId: 'p-1-80', quantity: 1 } })
  /** As a sender does: again until it is taken. */
  const taken = (sent: Sent): Promise<number> =>
    eventually(
      async () => {
        const { statusCode } = await deliver(app, sent)
        return statusCode === 503 ? Promise.reject(new Error('503')) : statusCode
      },
      { withinMs: 30_000 },
    )
  t.equal((await deliver(app, order('before'))).statusCode, 202)
  await handled(app, 1)

  for (const [fault, hurt, mend] of [
    ['frozen', async () => redis.freeze(), async () => redis.thaw()],
    ['killed', () => redis.kill(), () => redis.restart({ keepData: true })],
  ] as const) {
    await hurt()
    const first = await deliver(app, order(fault))
    t.equal(first.statusCode, 503, fault)
    await eventually(() => links.every(({ status }) => status !== 'up'))
    const times: number[] = []
    for (let count = 0; count < 15; count += 1) {
      const elapsedMs = startStopwatch()
      const response = await deliver(app, { ...order(fault), headers })
      times.push(elapsedMs())
      t.match(response.json(), { statusCode: 503, code: 'STAY_WEBHOOK_UNAVAILABLE' })
      t.match(response.headers, { 'retry-after': /^\d+$/ })
    }
    const median = times.sort((one, other) => one - other)[7] ?? Infinity
    // Where the processors have more work than they can do, each request gets its share of them.
    const limitMs = promptMs * Math.max(1, ((loadavg()[0] ?? 1) * 2) / availableParallelism())
    t.ok(median < limitMs, `${fault}: ${median.toFixed(1)} ms in the middle`)
    await mend()
    t.ok([202, 200].includes(await taken(order(fault))))
    await eventually(async () => (await orders(fault)) === 1, { withinMs: 30_000 })
    t.equal(await taken(order('before')), 200, 'what was taken is remembered')
    t.equal(await orders('before'), 1)
  }
})
