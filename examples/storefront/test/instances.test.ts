import t from 'tap'
import { signInstanceToken } from './sign-instance-token.js'
import { openStorefront } from './open-storefront.js'
import { StorefrontClient } from './storefront-client.js'

const id = '3f2504e0-4f89-41d3-9a0c-0305e82c330e'
const APP_SECRET = 'the secret of the app'

const app = await openStorefront(t, { APP_SECRET })
const shop = await new StorefrontClient(app, id).signIn()

t.beforeEach(async () => {
  await app.tenantInstances.delete(id)
})

t.test('an unknown instance is 404 until the dashboard is opened for it', async (t) => {
  for (const path of ['/products', '/orders', '/inventory']) {
    const response = await shop.ask('GET', path)
    t.match(response.json(), {
      statusCode: 404,
      code: 'STAY_INSTANCE_NOT_FOUND',
      message: 'Instance not found',
    })
  }
  const analytics = await shop.send('GET', `/api/vendor/analytics/snapshot?instance=${id}`)
  t.equal(analytics.statusCode, 404)
  await shop.open()
  t.equal((await shop.ask('GET', '/products')).statusCode, 200)
  t.equal((await shop.send('GET', `/api/vendor/analytics/snapshot?instance=${id}`)).statusCode, 200)
  t.match(await app.tenantInstances.get(id), { vendorId: 'vendor-3' })
})

t.test('POST /api/instances answers 201 for a new instance and 200 for a known one', async (t) => {
  const first = await shop.send('POST', '/api/instances', { instance: id })
  t.equal(first.statusCode, 201)
  t.same(first.json(), { id, vendorId: 'vendor-3', durability: 'buffered' })
  const again = await shop.send('POST', '/api/instances', {
    instance: signInstanceToken({ instanceId: id }, APP_SECRET),
  })
  t.equal(again.statusCode, 200)
  t.same(again.json(), first.json())
})

t.test('an instance stays with the vendor that it was given to', async (t) => {
  await app.tenantInstances.save({ id, vendorId: 'vendor-2', openedAt: '2020-01-01T00:00:00.000Z' })
  const { body } = await shop.send('GET', `/dashboard?instance=${id}`)
  t.match(body, 'Copper Kettle')
  t.match(
    await app.tenantInstances.get(id),
    { vendorId: 'vendor-2', openedAt: /^(?!2020)/ },
    'and is refreshed',
  )
  t.equal((await shop.ask('GET', '/products?limit=1')).statusCode, 403)
  await shop.signIn('vendor-2')
  t.equal((await shop.ask('GET', '/products?limit=1')).json<{ id: string }[]>()[0]?.id, 'p-2-1')
  await shop.signIn()
})

t.test('tokens are believed by their signature, in every place that takes an instance', async (t) => {
  const good = signInstanceToken({ instanceId: id }, APP_SECRET)
  const bad = signInstanceToken({ instanceId: id }, 'another secret')
  const answers = async (instance: string): Promise<number[]> => [
    (await shop.send('POST', '/api/instances', { instance })).statusCode,
    (await shop.send('GET', `/dashboard?instance=${instance}`)).statusCode,
    (await shop.send('GET', `/api/vendor/analytics/snapshot?instance=${instance}`)).statusCode,
  ]
  t.same(await answers(good), [201, 200, 200])
  t.same(await answers(bad), [401, 401, 401])
  t.same(await answers('neither'), [400, 400, 400])
  t.equal((await shop.send('GET', '/dashboard')).statusCode, 400)
  t.equal((await shop.send('POST', '/api/instances', {})).statusCode, 400)
  t.equal((await shop.send('POST', '/api/instances', { instance: 7 })).statusCode, 400)
})

t.test('the dashboard is a page without inline script that no cache keeps', async (t) => {
  const response = await shop.send('GET', `/dashboard?instance=${id.toUpperCase()}`)
  t.equal(response.statusCode, 200)
  t.match(response.headers, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': /default-src 'none';script-src 'self'/,
    'referrer-policy': 'no-referrer',
  })
  t.match(response.body, '<h1>Field &amp; Thread</h1>')
  t.match(response.body, `data-instance="${id}"`)
  t.notMatch(response.body, /<script(?![^>]*src=)|<style|style=|onclick=/)
  const assets = new Set(response.body.match(/\/dashboard\/assets\/[^"]+/g))
  t.ok(assets.size > 3)
  for (const path of assets) {
    const asset = await shop.send('GET', path)
    t.equal(asset.statusCode, 200, path)
    t.equal(asset.headers['cache-control'], 'public, max-age=31536000, immutable')
  }
  t.equal((await shop.send('HEAD', `/dashboard?instance=${id}`)).statusCode, 200)
})

t.test('in production a bare id opens no dashboard, and a token does', async (t) => {
  const production = await openStorefront(t, {
    APP_SECRET,
    NODE_ENV: 'production',
    SESSION_SECRET: 'a-secret-of-at-least-thirty-two-characters',
  })
  const merchant = new StorefrontClient(production, id)
  const bare = await merchant.send('GET', `/dashboard?instance=${id}`)
  t.match(bare.json(), { statusCode: 400, code: 'SHOP_INSTANCE_REFERENCE_INVALID' })
  t.equal((await merchant.send('POST', '/api/instances', { instance: id })).statusCode, 400)
  const token = signInstanceToken({ instanceId: id }, APP_SECRET)
  t.equal((await merchant.send('GET', `/dashboard?instance=${token}`)).statusCode, 200)
})
