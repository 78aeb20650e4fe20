import { eventually } from '@stayfast/test-kit'
import '@fastify/caching'
import Fastify, {
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  type LightMyRequestResponse,
} from 'fastify'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import taggedCache, { type RouteCacheConfig, type TaggedCacheOptions } from '../dist/index.js'
import { createCachedApp } from './create-app.js'

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<unknown>

interface Counted {
  readonly app: FastifyInstance
  calls: number
}

/** An app with one cached route that counts how often its handler runs. */
async function counted(
  t: Test,
  config: RouteCacheConfig,
  handler: Handler = async () => ({ n: 1 }),
  options: TaggedCacheOptions = {},
): Promise<Counted> {
  const counter = { calls: 0 }
  const app = await createCachedApp(t, { redis: false, jitter: 0, ...options }, (app) => {
    app.get('/things/:id', { config: { cache: config } }, async (request, reply) => {
      counter.calls += 1
      return handler(request, reply)
    })
  })
  return Object.assign(counter, { app })
}

const cached = ({ headers }: LightMyRequestResponse): unknown => headers['x-cache']

t.test('a reply is stored as it went out, and answered without its handler', async (t) => {
  const counter = await counted(t, { ttlSeconds: 60, tags: ['things'] }, async (_request, reply) => {
    reply
      .header('x-next-cursor', 'abc')
      .header('x-request-id', 'of the first')
      .header('content-language', 'en')
    return { text: 'ü\n😀', list: [] }
  })
  const first = await counter.app.inject('/things/1')
  const second = await counter.app.inject('/things/1')
  t.strictSame([cached(first), cached(second)], ['MISS', 'HIT'])
  t.equal(counter.calls, 1)
  t.equal(second.body, first.body)
  for (const name of ['content-type', 'content-length', 'etag', 'x-next-cursor', 'content-language']) {
    t.ok(first.headers[name])
    t.equal(second.headers[name], first.headers[name], name)
  }
  t.equal(second.headers['x-request-id'], undefined)
  t.equal(second.headers['age'], '0')
  t.equal(second.headers['cache-control'], 'private, no-cache')
  t.equal(first.headers['cache-control'], 'private, no-cache')
  t.equal(first.headers['cache-status'], 'tagged-cache; fwd=uri-miss; stored')
  t.match(second.headers['cache-status'], /^tagged-cache; hit; ttl=(59|60)$/)
  await counter.app.taggedCache.invalidateTags(['things'])
  t.equal(cached(await counter.app.inject('/things/1')), 'MISS')
})

t.test('the key is the route, its parameters and the query in whatever order', async (t) => {
  const counter = await counted(t, { query: ['a', 'b', 'list'] }, async ({ params, query }) => ({
    params,
    query,
  }))
  const ask = async (url: string): Promise<unknown> => cached(await counter.app.inject(url))
  t.equal(await ask('/things/1?a=1&b=2'), 'MISS')
  t.equal(await ask('/things/1?b=2&a=1'), 'HIT')
  t.equal(await ask('/things/1?b=2&a=1&utm=x'), 'HIT', 'what the route does not read makes no difference')
  for (const other of [
    '/things/2?a=1&b=2',
    '/things/1?a=1',
    '/things/1?a=1&b=',
    '/things/1?a=1%26b=2',
    '/things/1?a=1&b=2&list=x',
    '/things/1?list=x&list=y',
    `/things/1?list=${encodeURIComponent('["x","y"]')}`,
    '/things/%7C?a=1&b=2',
    `/things/${'x'.repeat(90)}?a=${'y'.repeat(2000)}`,
  ]) {
    t.equal(await ask(other), 'MISS', other)
    t.equal(await ask(other), 'HIT', other)
  }
})

t.test('without varyBy a request with credentials is not cached, neither way', async (t) => {
  const counter = await counted(t, {}, async ({ headers }) => ({ who: headers.cookie ?? 'nobody' }))
  const plain = await counter.app.inject('/things/1')
  for (const headers of [{ cookie: 'id=1' }, { authorization: 'Bearer x' }]) {
    const response = await counter.app.inject({ url: '/things/1', headers })
    t.equal(cached(response), 'BYPASS')
    t.equal(response.headers['cache-status'], 'tagged-cache; fwd=bypass; detail=credentials')
  }
  t.equal(plain.json<{ who: string }>().who, 'nobody')
  t.equal(cached(await counter.app.inject('/things/1')), 'HIT')
})

t.test('with varyBy each of those it names has replies of its own', async (t) => {
  const who = (request: FastifyRequest): string | undefined => request.headers.authorization
  const ways: Record<string, NonNullable<RouteCacheConfig['varyBy']>> = {
    'at once': who,
    awaited: async (request) => Promise.resolve(who(request)),
    'a query that runs when it is awaited': (request) => ({
      then: (done: (name: string | undefined) => void) => {
        done(who(request))
      },
    }),
  }
  for (const [way, varyBy] of Object.entries(ways)) {
    const counter = await counted(t, { varyBy }, async (request) => ({ who: who(request) }))
    for (const authorization of ['a', 'b']) {
      for (const expected of ['MISS', 'HIT']) {
        const response = await counter.app.inject({ url: '/things/1', headers: { authorization } })
        t.equal(cached(response), expected, way)
        t.strictSame(response.json(), { who: authorization })
      }
    }
  }
})

t.test("a key of the app's own stands in place of route, parameters, query and credentials", async (t) => {
  const counter = await counted(t, { key: ({ headers }) => `reports:${String(headers['x-vendor'])}:monthly` })
  const ask = async (url: string, vendor: string): Promise<unknown> =>
    cached(await counter.app.inject({ url, headers: { 'x-vendor': vendor, cookie: 'id=1' } }))
  t.equal(await ask('/things/1', 'a'), 'MISS')
  t.equal(await ask('/things/2?page=2', 'a'), 'HIT')
  t.equal(await ask('/things/1', 'b'), 'MISS')
  t.type(
    await counter.app.taggedCache.get('reports:a:monthly'),
    'undefined',
    'a reply is no value of the app',
  )
  await counter.app.taggedCache.delete('reports:a:monthly')
  t.equal(await ask('/things/1', 'a'), 'MISS')
  await t.rejects(counted(t, { key: () => 'k', query: ['page'] }), {
    code: 'STAY_CACHE_OPTION_INVALID',
    message: /put what query says into it/,
  })
})

t.test('what does not say whose reply it is answers nobody with the reply of another', async (t) => {
  class Visitor {
    readonly #name: unknown
    constructor(name: unknown) {
      this.#name = name
    }
    get name(): unknown {
      return this.#name
    }
  }
  const name = ({ headers }: FastifyRequest): unknown => headers.authorization
  const configs: Record<string, object> = {
    'a key that is none': { key: () => undefined },
    'an empty key': { key: () => '' },
    'a set': { varyBy: (request: FastifyRequest) => new Set([name(request)]) },
    'a map in a list': { varyBy: (request: FastifyRequest) => [new Map([['name', name(request)]])] },
    'an object that shows nothing': { varyBy: (request: FastifyRequest) => new Visitor(name(request)) },
    'a function': { varyBy: (request: FastifyRequest) => () => name(request) },
    'tags that are no list': { varyBy: name, tags: () => undefined },
  }
  for (const [what, config] of Object.entries(configs)) {
    const counter = await counted(t, config, async (request) => ({ who: name(request) }))
    for (const authorization of ['a', 'b']) {
      const response = await counter.app.inject({ url: '/things/1', headers: { authorization } })
      t.equal(response.statusCode, 500, what)
      t.match(response.json(), { code: /^STAY_CACHE_(KEY|OPTION)_INVALID$/ }, what)
    }
    t.equal(counter.calls, 0, what)
  }
  const told: Record<string, () => unknown> = {
    nobody: () => undefined,
    'a date': () => new Date(0),
    'an entity': () => Object.assign(new Visitor('a'), { id: 1 }),
    'an empty object': () => ({}),
  }
  for (const [what, varyBy] of Object.entries(told)) {
    const counter = await counted(t, { varyBy })
    for (const expected of ['MISS', 'HIT']) {
      t.equal(cached(await counter.app.inject('/things/1')), expected, what)
    }
  }
})

t.test(
  'a function of config.cache that fails fails its request alone, whether it is awaited or not',
  async (t) => {
    const fail = (): never => {
      throw new Error('no session')
    }
    for (const wrong of [{ key: fail }, { tags: fail }, { tenant: fail }, { varyBy: fail }] as const) {
      for (const varyBy of [undefined, () => 'user', async () => Promise.resolve('user')]) {
        const more = varyBy === undefined || 'key' in wrong ? {} : { varyBy }
        const counter = await counted(t, { ...more, ...wrong })
        const response = await counter.app.inject('/things/1')
        t.equal(response.statusCode, 500)
        t.equal(response.json<{ message: string }>().message, 'no session')
      }
    }
    const awaited = await counted(t, { varyBy: async () => Promise.reject(new Error('no session')) })
    t.equal((await awaited.app.inject('/things/1')).statusCode, 500)
  },
)

t.test('a route may vary by request headers, and one that does so unannounced is not stored', async (t) => {
  const answer: Handler = async ({ headers }, reply) => {
    reply.header('vary', 'Accept-Language, Origin')
    return { language: headers['accept-language'] }
  }
  const announced = await counted(t, { varyHeaders: ['Accept-Language'] }, answer)
  const unannounced = await counted(t, {}, answer)
  for (const language of ['en', 'de']) {
    const request = { url: '/things/1', headers: { 'accept-language': language } }
    t.equal(cached(await announced.app.inject(request)), 'MISS')
    const hit = await announced.app.inject(request)
    t.equal(cached(hit), 'HIT')
    t.strictSame(hit.json(), { language })
    t.equal(hit.headers['vary'], 'Accept-Language, Origin')
    t.equal(cached(await unannounced.app.inject(request)), 'MISS')
    t.equal(cached(await unannounced.app.inject(request)), 'MISS')
  }
})

t.test('what must not be shared is not stored', async (t) => {
  const answers: Record<string, Handler> = {
    'a cookie': async (_request, reply) => reply.header('set-cookie', 'id=1').send({}),
    private: async (_request, reply) => reply.header('cache-control', 'private').send({}),
    'no-store': async (_request, reply) => reply.header('cache-control', 'max-age=1, no-store').send({}),
    'no-store in a list': async (_request, reply) =>
      reply.header('cache-control', ['max-age=1', 'No-Store']).send({}),
    'vary in a list': async (_request, reply) => reply.header('vary', ['Origin', 'X-User']).send({}),
    'vary, set on the raw response': async (_request, reply) => {
      reply.raw.setHeader('vary', ['Origin', 'X-User'])
      return {}
    },
    'vary: *': async (_request, reply) => reply.header('vary', '*').send({}),
    'a 404': async (_request, reply) => reply.code(404).send({}),
    'a 500': async () => {
      throw new Error('broken')
    },
    'a stream': async (_request, reply) => reply.type('text/plain').send(Readable.from(['x'])),
    'a buffer': async (_request, reply) => reply.send(Buffer.from('x')),
    encoded: async (_request, reply) => reply.header('content-encoding', 'gzip').send('x'),
    nothing: async (_request, reply) => reply.code(204).send(),
    'too much': async () => ({ text: 'x'.repeat(2000) }),
  }
  for (const [name, handler] of Object.entries(answers)) {
    const counter = await counted(t, {}, handler, { maxEntryBytes: 1000 })
    for (let call = 1; call <= 2; call++) {
      const { headers } = await counter.app.inject('/things/1')
      t.equal(headers['x-cache'], 'MISS', name)
      t.match(headers['cache-status'], name === 'a 500' ? /fwd=uri-miss$/ : /fwd=uri-miss; detail=/, name)
      t.equal(counter.calls, call, name)
    }
  }
})

t.test('what the handler says of caching goes to clients with every copy', async (t) => {
  const counter = await counted(t, {}, async (_request, reply) => {
    reply.header('cache-control', 'public, max-age=60').header('etag', '"own"').header('expires', 'later')
    return {}
  })
  await counter.app.inject('/things/1')
  const hit = await counter.app.inject('/things/1')
  t.match(hit.headers, {
    'cache-control': 'public, max-age=60',
    etag: '"own"',
    expires: 'later',
    'x-cache': 'HIT',
  })
})

t.test('who has the reply already gets a 304: lists, stars and weak tags', async (t) => {
  const counter = await counted(t, {}, async (_request, reply) => {
    reply.header('vary', 'Origin').header('cache-control', 'public, max-age=5')
    return { n: 1 }
  })
  const { headers } = await counter.app.inject('/things/1')
  const etag = String(headers['etag'])
  t.match(etag, /^W\/"[\w-]+"$/)
  const ask = (ifNoneMatch: string): Promise<LightMyRequestResponse> =>
    counter.app.inject({ url: '/things/1', headers: { 'if-none-match': ifNoneMatch } })
  for (const match of [etag, etag.replace('W/', ''), `"x", ${etag}`, `W/"y" ,${etag}`, '*']) {
    const response = await ask(match)
    t.equal(response.statusCode, 304, match)
    t.equal(response.body, '')
    t.match(response.headers, {
      etag,
      vary: 'Origin',
      'cache-control': 'public, max-age=5',
      'x-cache': 'HIT',
    })
    t.notOk(response.headers['content-type'])
  }
  for (const other of ['"x"', 'W/"x", "y"', etag.replaceAll('"', '')]) {
    t.equal((await ask(other)).statusCode, 200, other)
  }
  await counter.app.taggedCache.clear()
  const fresh = await ask(etag)
  t.equal(fresh.statusCode, 304, 'the same reply, made anew')
  t.equal(fresh.headers['x-cache'], 'MISS')
})

t.test('a condition changes no reply but a success', async (t) => {
  const counter = await counted(t, { statusCodes: [200, 404] }, async (_request, reply) =>
    reply.code(404).send({ error: 'nothing here' }),
  )
  for (const expected of ['MISS', 'HIT']) {
    const response = await counter.app.inject({ url: '/things/1', headers: { 'if-none-match': '*' } })
    t.strictSame([response.statusCode, cached(response)], [404, expected])
    t.strictSame(response.json(), { error: 'nothing here' })
  }
})

t.test('HEAD is answered from what GET has stored, and stores nothing', async (t) => {
  const counter = await counted(t, {}, async () => ({ n: 1 }))
  const head = (): Promise<LightMyRequestResponse> => counter.app.inject({ method: 'HEAD', url: '/things/1' })
  t.equal(cached(await head()), 'BYPASS')
  const get = await counter.app.inject('/things/1')
  t.equal(cached(get), 'MISS')
  const hit = await head()
  t.equal(cached(hit), 'HIT')
  t.equal(hit.body, '')
  t.equal(hit.headers['content-length'], get.headers['content-length'])
  t.equal(hit.headers['etag'], get.headers['etag'])
  const notModified = await counter.app.inject({
    method: 'HEAD',
    url: '/things/1',
    headers: { 'if-none-match': '*' },
  })
  t.equal(notModified.statusCode, 304)
})

t.test('many requests at once run one handler', async (t) => {
  let release: () => void = () => undefined
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  const counter = await counted(t, {}, async () => {
    await held
    return { n: 1 }
  })
  const all = Array.from({ length: 50 }, () => counter.app.inject('/things/1'))
  await eventually(() => counter.calls === 1)
  release()
  const responses = await Promise.all(all)
  t.equal(counter.calls, 1)
  t.ok(responses.every(({ body }) => body === '{"n":1}'))
  t.equal(responses.filter(({ headers }) => String(headers['cache-status']).endsWith('collapsed')).length, 49)
})

t.test('who waits for a reply that must not be shared makes its own', async (t) => {
  let number = 0
  const counter = await counted(t, {}, async (_request, reply) => {
    number += 1
    const mine = number
    await new Promise((resolve) => setTimeout(resolve, 20))
    reply.header('set-cookie', `id=${mine}`)
    return { mine }
  })
  const responses = await Promise.all(Array.from({ length: 10 }, () => counter.app.inject('/things/1')))
  t.equal(new Set(responses.map(({ headers }) => headers['set-cookie'])).size, 10)
  t.equal(counter.calls, 10)
})

t.test(
  'who waits for a handler that fails runs it again, and is not told of the failure of another',
  async (t) => {
    let fail = true
    const counter = await counted(t, {}, async () => {
      await new Promise((resolve) => setTimeout(resolve, 20))
      if (fail) {
        fail = false
        throw new Error('broken')
      }
      return { n: 1 }
    })
    const responses = await Promise.all(Array.from({ length: 5 }, () => counter.app.inject('/things/1')))
    t.strictSame(responses.map(({ statusCode }) => statusCode).sort(), [200, 200, 200, 200, 500])
  },
)

t.test('behind its time one request makes the next reply, the others get the last one', async (t) => {
  let release: () => void = () => undefined
  let held = Promise.resolve()
  const counter = await counted(t, { ttlSeconds: 0.1, staleWhileRevalidateSeconds: 60 }, async () => {
    const { calls } = counter
    await held
    return { calls }
  })
  await counter.app.inject('/things/1')
  await new Promise((resolve) => setTimeout(resolve, 150))
  held = new Promise((resolve) => {
    release = resolve
  })
  const leading = counter.app.inject('/things/1')
  await eventually(() => counter.calls === 2)
  const stale = await counter.app.inject('/things/1')
  t.equal(cached(stale), 'STALE')
  t.strictSame(stale.json(), { calls: 1 })
  t.match(stale.headers['cache-status'], /hit; ttl=-1/)
  release()
  t.strictSame((await leading).json(), { calls: 2 })
})

t.test('an older reply covers for a handler that fails, unless it was invalidated', async (t) => {
  let broken = false
  const counter = await counted(
    t,
    { ttlSeconds: 0.05, staleIfErrorSeconds: 60, tags: ['things'] },
    async () => {
      if (broken) throw new Error('broken')
      return { n: 1 }
    },
  )
  await counter.app.inject('/things/1')
  await new Promise((resolve) => setTimeout(resolve, 100))
  broken = true
  const covered = await counter.app.inject('/things/1')
  t.equal(covered.statusCode, 200)
  t.equal(covered.body, '{"n":1}')
  t.equal(cached(covered), 'STALE')
  await counter.app.taggedCache.invalidateTags(['things'])
  const failed = await counter.app.inject('/things/1')
  t.equal(failed.statusCode, 500)
})

t.test('a client that leaves holds nobody up', async (t) => {
  let stop: () => void = () => undefined
  let hang = true
  const counter = await counted(t, {}, async () => {
    if (!hang) return { n: 1 }
    hang = false
    await new Promise<void>((resolve) => {
      stop = resolve
    })
    return { n: 0 }
  })
  const url = await counter.app.listen({ port: 0, host: '127.0.0.1' })
  const leaving = new AbortController()
  const left = fetch(`${url}/things/1`, { signal: leaving.signal }).catch(() => 'left')
  await eventually(() => counter.calls === 1)
  const waiting = fetch(`${url}/things/1`)
  await new Promise((resolve) => setTimeout(resolve, 50))
  leaving.abort()
  t.equal(await left, 'left')
  t.strictSame(await (await waiting).json(), { n: 1 })
  stop()
})

t.test('a stored reply is looked up behind authentication', async (t) => {
  const app = await createCachedApp(t, { redis: false }, (app) => {
    app.addHook('preHandler', async (request, reply) => {
      if (request.headers['x-key'] !== 'right') await reply.code(401).send({ error: 'who are you?' })
    })
    app.get('/', { config: { cache: {} } }, async () => ({ secret: true }))
  })
  const right = { headers: { 'x-key': 'right' }, url: '/' }
  t.equal(cached(await app.inject(right)), 'MISS')
  t.equal(cached(await app.inject(right)), 'HIT')
  t.equal((await app.inject('/')).statusCode, 401)
})

t.test('the reply is captured before later hooks change it', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(taggedCache, { redis: false })
  app.register(async (app) => {
    const onSend = async (
      _request: unknown,
      reply: { header(name: string, value: string): unknown },
      payload: unknown,
    ) => {
      reply.header('content-encoding', 'reverse')
      return Buffer.from(String(payload)).reverse().toString()
    }
    app.get('/', { config: { cache: {} }, onSend }, async () => 'abc')
  })
  for (const expected of ['MISS', 'HIT']) {
    const response = await app.inject('/')
    t.equal(cached(response), expected)
    t.equal(response.body, 'cba')
  }
})

t.test('a tenant has replies of its own, and its invalidations touch no others', async (t) => {
  const app = await createCachedApp(t, { redis: false }, (app) => {
    app.get<{ Params: { tenant: string } }>(
      '/:tenant/list',
      { config: { cache: { tags: ['list'], tenant: ({ headers }) => String(headers['x-tenant']) } } },
      async ({ headers }) => ({ of: headers['x-tenant'] }),
    )
  })
  const ask = (tenant: string): Promise<LightMyRequestResponse> =>
    app.inject({ url: '/same/list', headers: { 'x-tenant': tenant } })
  for (const tenant of ['a', 'b']) t.strictSame((await ask(tenant)).json(), { of: tenant })
  await app.taggedCache.forTenant('a').invalidateTags(['list'])
  t.equal(cached(await ask('a')), 'MISS')
  t.equal(cached(await ask('b')), 'HIT')
})

t.test('@fastify/caching sets Cache-Control beside it, and its ETags stay out of the way', async (t) => {
  const app = await createCachedApp(
    t,
    { redis: false, cacheControl: { privacy: 'private', expiresIn: 60 } },
    (app) => {
      app.get('/a', { config: { cache: {} } }, async (_request, reply) => {
        reply.expires(new Date(0))
        return { a: 1 }
      })
      app.get('/b', async (_request, reply) => {
        reply.etag('"b"')
        return { b: 1 }
      })
      app.get('/c', async () => ({ c: 1 }))
    },
  )
  for (const expected of ['MISS', 'HIT']) {
    const response = await app.inject('/a')
    t.equal(cached(response), expected, 'a default for clients keeps nothing out of the cache')
    t.equal(response.headers['cache-control'], 'private, max-age=60')
    t.equal(response.headers['expires'], 'Thu, 01 Jan 1970 00:00:00 GMT')
  }
  t.equal((await app.inject('/b')).headers['etag'], '"b"')
  const other = await app.inject({ url: '/c', headers: { 'if-none-match': '"b"' } })
  t.equal(other.statusCode, 200, 'an ETag of one route answers nothing on another')
})

t.test(
  'only GET routes are cached, and what is misspelt is refused when the route is registered',
  async (t) => {
    const register = async (method: 'POST' | 'GET' | 'HEAD', config: object): Promise<string> => {
      const app = Fastify()
      t.teardown(() => app.close())
      await app.register(taggedCache, { redis: false })
      try {
        app.route({ method, url: '/', config, handler: async () => ({}) })
        await app.ready()
        return 'accepted'
      } catch (error) {
        return error instanceof Error ? error.message : String(error)
      }
    }
    t.match(await register('POST', { cache: {} }), 'only GET routes are cached')
    t.match(await register('HEAD', { cache: {} }), 'only GET routes are cached')
    t.match(await register('GET', { cache: { ttlSecond: 1 } }), 'Did you mean "ttlSeconds"?')
    t.match(await register('GET', { cache: true }), 'config.cache of GET /')
    t.match(await register('GET', { cache: { statusCodes: [500] } }), 'statuses from 200 to 499')
    for (const statusCodes of [['404'], [200.5], [206], [304], 404]) {
      t.match(await register('GET', { cache: { statusCodes } }), 'statuses from 200 to 499')
    }
    t.match(await register('POST', { invalidates: { tag: ['x'] } }), 'Did you mean "tags"?')
    t.match(await register('POST', { invalidates: {} }), 'takes tags')
    t.equal(await register('GET', { cache: { tags: ['x'] } }), 'accepted')
  },
)
