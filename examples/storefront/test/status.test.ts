import t from 'tap'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { packageInfo } from '../dist/package-info.js'
import { openStorefront } from './open-storefront.js'
import { StorefrontClient } from './storefront-client.js'

const app = await openStorefront(t)
const shop = await new StorefrontClient(app).open()

t.test('the root says what runs here', async (t) => {
  const response = await shop.send('GET', '/')
  t.same(response.json(), {
    name: '@stayfast/storefront',
    version: packageInfo.version,
    status: 'ok',
    redis: 'off',
  })
})

t.test('health without Redis is ok, and says nothing else', async (t) => {
  const response = await shop.send('GET', '/api/v1/health')
  t.equal(response.statusCode, 200)
  t.equal(response.body, '{"status":"ok","redis":{"status":"disabled","latency":null,"connected":false}}')
})

t.test('probes, metrics, and details for admins', async (t) => {
  for (const path of ['/livez', '/readyz']) t.equal((await app.inject(path)).statusCode, 200, path)
  const metrics = await app.inject('/metrics')
  t.match(metrics.headers, { 'content-type': /^text\/plain/ })
  for (const plugin of ['tagged_cache', 'rate_limit', 'webhooks']) {
    t.match(
      metrics.body,
      new RegExp(`^stayfast_${plugin}_\\w+\\{decorator=`, 'm'),
      'plugins report themselves',
    )
  }
  const elsewhere = await app.inject({ url: '/metrics', remoteAddress: '203.0.113.9' })
  t.not(elsewhere.statusCode, 200)
  const admin = await new StorefrontClient(app).signIn('admin')
  const details = (await admin.send('GET', '/api/v1/health')).json<object>()
  t.ok(Object.keys(details).length > 2, 'more than the public is told')
})

t.test('HEAD answers as GET does, without the body', async (t) => {
  for (const url of ['/', '/api/v1/health', '/openapi.json']) {
    const response = await shop.send('HEAD', url)
    t.equal(response.statusCode, 200)
    t.equal(response.body, '')
  }
  const products = await shop.ask('HEAD', '/products')
  t.type(products.headers['x-next-cursor'], 'string')
})

t.test('an unknown route is a coded 404 that does not repeat the query', async (t) => {
  for (const [method, url] of [
    ['GET', '/nowhere?instance=a-token'],
    ['PUT', '/api/v1/health'],
    ['GET', '/dashboard/assets/none.js'],
    ['GET', '/dashboard/assets/../../package.json'],
  ] as const) {
    const response = await shop.send(method, url)
    t.match(response.json(), { statusCode: 404, code: 'SHOP_ROUTE_NOT_FOUND', error: 'Not Found' })
    t.notMatch(response.body, 'a-token')
    t.ok(response.headers['content-security-policy'])
  }
})

t.test('what Fastify itself refuses has a code of this app and its shape', async (t) => {
  const headers = { 'content-type': 'application/json' }
  const post = async (payload: string, type = 'application/json'): Promise<unknown> =>
    (
      await app.inject({ method: 'POST', url: '/api/instances', payload, headers: { 'content-type': type } })
    ).json()
  t.match(await post('{'), { statusCode: 400, code: 'SHOP_REQUEST_INVALID', error: 'Bad Request' })
  t.match(await post('{"__proto__":{}}'), { statusCode: 400, code: 'SHOP_REQUEST_INVALID' })
  t.match(await post(''), { statusCode: 400, code: 'SHOP_VALIDATION_FAILED' })
  t.match(await post('<a/>', 'text/xml'), { statusCode: 415, code: 'SHOP_MEDIA_TYPE_UNSUPPORTED' })
  t.match(await post(`"${'x'.repeat(2 ** 20)}"`), { statusCode: 413, code: 'SHOP_BODY_TOO_LARGE' })
  t.match((await shop.send('GET', '/%zz')).json(), { statusCode: 400, code: 'SHOP_REQUEST_INVALID' })
  t.match((await shop.send('GET', `/api/${'x'.repeat(300)}/products`)).json(), { code: 'SHOP_URL_TOO_LONG' })
  const removed = await app.inject({ method: 'DELETE', url: '/api/x/products/y', headers })
  t.equal(removed.statusCode, 401, 'a content type without a body is no mistake')
})

t.test('an error that nobody foresaw is a 500 that tells the client nothing', async (t) => {
  const working = await openCatalogue({ kind: 'memory' }, () => undefined)
  t.teardown(() => working.close())
  let broken = false
  const failing = await openStorefront(
    t,
    {},
    {
      query: (sql, parameters) =>
        broken ? Promise.reject(new Error('secret detail')) : working.query(sql, parameters),
      transaction: (work) => working.transaction(work),
      close: () => Promise.resolve(),
    },
  )
  const client = await new StorefrontClient(failing).open()
  broken = true
  const response = await client.ask('GET', '/products')
  t.match(response.json(), { statusCode: 500, code: 'SHOP_INTERNAL', error: 'Internal Server Error' })
  t.notMatch(response.body, 'secret detail')
  t.match(
    (await client.send('GET', '/dashboard?instance=00000000-0000-4000-8000-000000000001')).body,
    'vendor-1',
  )
})

t.test('every route is described, with its errors', async (t) => {
  const response = await shop.send('GET', '/openapi.json')
  const { paths } = response.json<{ paths: Record<string, Record<string, { responses: object }>> }>()
  t.same(Object.keys(paths).sort(), [
    '/',
    '/api/admin/cache/stats',
    '/api/admin/metrics',
    '/api/admin/webhooks',
    '/api/admin/webhooks/dead-letters/{id}',
    '/api/admin/webhooks/dead-letters/{id}/replay',
    '/api/admin/webhooks/events',
    '/api/instances',
    '/api/vendor/analytics/snapshot',
    '/api/{instanceId}/cart',
    '/api/{instanceId}/checkout',
    '/api/{instanceId}/inventory',
    '/api/{instanceId}/orders',
    '/api/{instanceId}/orders/{id}',
    '/api/{instanceId}/products',
    '/api/{instanceId}/products/bulk',
    '/api/{instanceId}/products/{id}',
    '/auth/login',
    '/auth/logout',
    '/auth/session',
    '/auth/sessions',
    '/auth/sessions/{id}',
    '/dashboard',
    '/webhooks/{provider}',
  ])
  t.same(Object.keys(paths['/api/{instanceId}/products/{id}']?.['put']?.responses ?? {}), [
    '200',
    '4XX',
    '5XX',
  ])
  t.equal((await shop.send('GET', '/docs/')).statusCode, 200)
})
