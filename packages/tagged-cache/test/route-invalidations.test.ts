import { openLink } from '@stayfast/link-test-kit'
import { eventually, reaches, startRedisServer } from '@stayfast/test-kit'
import { Redis } from 'ioredis'
import t from 'tap'
import { tags } from '../dist/index.js'
import { createCachedApp } from './create-app.js'

const server = await startRedisServer({}, t)

t.test(
  'what a route changed is invalidated before its reply leaves, and only when it succeeded',
  async (t) => {
    let version = 1
    const app = await createCachedApp(t, { redis: false }, (app) => {
      app.get('/', { config: { cache: { tags: [tags.vendor('1'), tags.products] } } }, async () => ({
        version,
      }))
      app.put<{ Body: { fail?: boolean } }>(
        '/',
        { config: { invalidates: () => tags.productChange('1') } },
        async ({ body }, reply) => {
          if (body.fail === true) return reply.code(400).send({})
          version += 1
          return { version }
        },
      )
      app.delete('/', { config: { invalidates: ['products'] } }, async () => {
        version += 1
        throw new Error('broken')
      })
    })
    const read = async (): Promise<unknown> => (await app.inject('/')).json()
    t.strictSame(await read(), { version: 1 })
    t.equal((await app.inject({ method: 'PUT', url: '/', payload: {} })).statusCode, 200)
    t.strictSame(await read(), { version: 2 })
    t.equal((await app.inject({ method: 'PUT', url: '/', payload: { fail: true } })).statusCode, 400)
    t.equal((await app.inject({ method: 'DELETE', url: '/' })).statusCode, 500)
    t.strictSame(await read(), { version: 2 }, 'a failure invalidates nothing')
  },
)

t.test('the other process reads the new state as soon as the reply is there', async (t) => {
  let version = 0
  const open = async () =>
    createCachedApp(t, { redis: await openLink(t, server.url) }, (app) => {
      app.get('/', { config: { cache: { tags: ['things'] } } }, async () => {
        const read = version
        await new Promise((resolve) => setTimeout(resolve, 5))
        return { version: read }
      })
      app.post('/', { config: { invalidates: ['things'] } }, async () => {
        version += 1
        return { version }
      })
    })
  const apps = [await open(), await open()] as const
  let hits = 0
  for (let round = 0; round < 60; round++) {
    const [writer, reader] = round % 2 === 0 ? apps : [apps[1], apps[0]]
    const racing = reader.inject('/')
    await writer.inject({ method: 'POST', url: '/' })
    const expected = version
    for (const app of [reader, writer]) {
      const response = await app.inject('/')
      t.ok(response.json<{ version: number }>().version >= expected, `round ${round}`)
      if (response.headers['x-cache'] === 'HIT') hits += 1
    }
    await racing
  }
  t.ok(hits > 0)
})

t.test('a strong route asks Redis for HEAD as it does for GET', async (t) => {
  const redis = new Redis(server.url)
  t.teardown(() => {
    redis.disconnect()
  })
  const app = await createCachedApp(t, { redis: await openLink(t, server.url) }, (app) => {
    app.get('/', { config: { cache: { tags: ['strong'], consistency: 'strong' } } }, async () => ({}))
  })
  const ask = async (method: 'GET' | 'HEAD'): Promise<unknown> =>
    (await app.inject({ method, url: '/' })).headers['x-cache']
  t.equal(await ask('GET'), 'MISS')
  await eventually(async () => (await redis.exists('tag:strong', 'cache:route:/')) === 2)
  t.equal(await ask('HEAD'), 'HIT')
  // An invalidation of which no message has come in yet.
  await redis.set('tag:strong', 'another', 'KEEPTTL')
  t.equal(await ask('HEAD'), 'BYPASS')
  t.equal(await ask('GET'), 'MISS')
})

t.test('a change whose client has left meanwhile is invalidated all the same', async (t) => {
  let version = 1
  let goOn: () => void = () => undefined
  let begun = false
  const app = await createCachedApp(t, { redis: false }, (app) => {
    app.get('/', { config: { cache: { tags: ['things'] } } }, async () => ({ version }))
    app.post('/', { config: { invalidates: ['things'] } }, async () => {
      begun = true
      await new Promise<void>((resolve) => {
        goOn = resolve
      })
      version = 2
      return {}
    })
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  t.strictSame((await app.inject('/')).json(), { version: 1 })
  const leaving = new AbortController()
  const left = fetch(url, { method: 'POST', signal: leaving.signal }).catch(() => 'left')
  await eventually(() => begun)
  leaving.abort()
  t.equal(await left, 'left')
  await new Promise((resolve) => setTimeout(resolve, 50))
  goOn()
  await eventually(async () => (await app.inject('/')).json<{ version: number }>().version === 2)
})

t.test('while Redis is away a route goes on, or refuses before its handler runs', async (t) => {
  const away = await startRedisServer({}, t)
  const redis = new Redis(away.url)
  redis.on('error', () => undefined)
  t.teardown(() => {
    redis.disconnect()
  })
  let runs = 0
  const link = await openLink(t, away.url)
  const app = await createCachedApp(t, { redis: link }, (app) => {
    const handler = async () => {
      runs += 1
      return {}
    }
    app.post('/buffer', { config: { invalidates: ['x'] } }, handler)
    app.post('/reject', { config: { invalidates: { tags: ['x'], onOutage: 'reject' } } }, handler)
  })
  t.equal((await app.inject({ method: 'POST', url: '/reject' })).statusCode, 200)
  await Promise.all([reaches(link, 'down', 10_000), away.kill()])
  t.equal((await app.inject({ method: 'POST', url: '/buffer' })).statusCode, 200)
  t.equal(runs, 2)
  t.equal((await app.taggedCache.stats()).buffered, 1)
  const refused = await app.inject({ method: 'POST', url: '/reject' })
  t.equal(refused.statusCode, 503)
  t.match(refused.json(), { code: 'STAY_CACHE_INVALIDATION_UNAVAILABLE' })
  t.equal(refused.headers['retry-after'], '2')
  t.equal(runs, 2)
  await away.restart()
  await reaches(link, 'up', 10_000)
  await eventually(async () => (await app.taggedCache.stats()).buffered === 0)
  t.equal((await app.inject({ method: 'POST', url: '/reject' })).statusCode, 200)
})

t.test('the tag builders name what commerce apps share', async (t) => {
  t.equal(tags.vendor('7'), 'vendor:7')
  t.strictSame(tags.productChange('7'), ['vendor:7', 'products'])
  t.strictSame(tags.orderChange('7'), ['vendor:7', 'orders', 'analytics'])
  t.strictSame([tags.products, tags.orders, tags.analytics], ['products', 'orders', 'analytics'])
  t.throws(() => tags.vendor(''), { code: 'STAY_CACHE_KEY_INVALID' })
})
