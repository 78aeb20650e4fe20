import { healthReporterOf } from '@stayfast/redis-kit'
import { eventually, startRedisServer } from '@stayfast/test-kit'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { request as httpRequest } from 'node:http'
import t, { type Test } from 'tap'
import webhooks, { hmac, shopify, type WebhookEvent, type WebhooksOptions } from '../dist/index.js'
import { openApp } from './open-app.js'
import { signedEvent, testSecret } from './signed-event.js'

const server = await startRedisServer({}, t)

/** The same app on memory and on Redis: what it answers does not depend on which. */
const kinds: Record<string, (t: Test) => Partial<WebhooksOptions>> = {
  memory: () => ({ redis: false }),
  redis: (t) => {
    const redis = new Redis(server.url)
    t.teardown(() => {
      redis.disconnect()
    })
    return { redis, keyPrefix: `${t.name}:` }
  },
}

for (const [kind, optionsFor] of Object.entries(kinds)) {
  t.test(
    `on ${kind}: a webhook is accepted once, handled once, and its repetitions do no harm`,
    async (t) => {
      const events: WebhookEvent[] = []
      const { app } = await openApp(t, optionsFor(t), (app) => {
        app.webhooks.on('generic', 'orders/create', (event) => void events.push(event))
      })
      const first = await app.inject(signedEvent({ body: '{"id":7,"note":"Käse"}' }))
      t.equal(first.statusCode, 202)
      t.strictSame(first.json(), { status: 'accepted' })
      const again = await app.inject(signedEvent({ body: '{"id":7,"note":"Käse"}' }))
      t.equal(again.statusCode, 200)
      t.strictSame(again.json(), { status: 'duplicate' })
      await eventually(() => events.length === 1)
      t.match(events, [
        {
          id: 'w-1',
          provider: 'generic',
          topic: 'orders/create',
          tenantId: 'i-1',
          payload: { id: 7, note: 'Käse' },
          body: '{"id":7,"note":"Käse"}',
          attempt: 1,
          repeated: false,
          idempotencyToken: /^wh_[\w-]{43}$/,
          receivedAt: Date,
        },
      ])
      const other = await app.inject(signedEvent({ body: '{"id":8}' }))
      t.equal(other.statusCode, 422)
      t.match(other.json(), { code: 'STAY_WEBHOOK_CONFLICT', error: 'Unprocessable Entity' })
      t.equal((await app.inject(signedEvent({ tenant: 'i-2' }))).statusCode, 202, 'of another tenant')
      await eventually(() => events.length === 2)
      t.not(events[0]?.idempotencyToken, events[1]?.idempotencyToken)
      await eventually(async () => (await app.webhooks.stats()).process.handled === 2)
      t.match(healthReporterOf(app.webhooks)?.(), {
        plugin: 'webhooks',
        holds: 'data',
        counts: { accepted_total: 2, duplicates_total: 1, handled_total: 2, dead_lettered_total: 0 },
      })
      t.match(await app.webhooks.stats(), {
        queue: { waiting: 0, active: 0, delayed: 0, deadLetters: 0 },
        process: { accepted: 2, duplicates: 1, conflicts: 1, unsigned: 0, deferred: 0, failed: 0 },
      })
    },
  )

  t.test(`on ${kind}: what fails becomes a dead letter, and is handled once it is replayed`, async (t) => {
    let broken = true
    const handled: string[] = []
    const { app, lines } = await openApp(t, optionsFor(t), (app) => {
      app.webhooks.on('generic', 'orders/create', async (event) => {
        if (broken) throw new Error('the database is away')
        handled.push(`${event.id} ${event.attempt}`)
      })
    })
    await app.inject(signedEvent({ body: '{"secret":"of the customer"}' }))
    await eventually(async () => (await app.webhooks.stats()).queue.deadLetters === 1)
    const { items } = await app.webhooks.deadLetters.list()
    t.match(items, [{ eventId: 'w-1', reason: 'the database is away', attempts: 3, topic: 'orders/create' }])
    await eventually(() => lines().includes('kept as a dead letter'))
    t.notMatch(lines(), 'of the customer')
    t.match((await app.webhooks.stats()).process, { failed: 3, deadLettered: 1, handled: 0 })
    broken = false
    t.equal(await app.webhooks.deadLetters.replay(items[0]?.id ?? ''), true)
    await eventually(() => handled.length === 1)
    t.strictSame(handled, ['w-1 1'])
    t.equal((await app.inject(signedEvent({ body: '{"secret":"of the customer"}' }))).statusCode, 200)
  })

  t.test(`on ${kind}: what nobody handles is kept, and not tried in vain`, async (t) => {
    const { app } = await openApp(t, optionsFor(t), (app) => {
      app.webhooks.on('generic', 'known', () => undefined)
    })
    await app.inject(signedEvent({ topic: 'new' }))
    await eventually(async () => (await app.webhooks.stats()).queue.deadLetters === 1)
    const { items } = await app.webhooks.deadLetters.list()
    t.match(items, [{ reason: /app.webhooks.on\('generic', 'new'/, attempts: 1 }])
    app.webhooks.on('generic', '*', () => undefined)
    await app.webhooks.deadLetters.replay(items[0]?.id ?? '')
    await eventually(async () => (await app.webhooks.stats()).process.handled === 1)
    for (const id of [
      'wh_nobody',
      '',
      'id',
      'active',
      'wait',
      'failed',
      'delayed',
      'events',
      'meta',
      'marker',
    ]) {
      t.equal(await app.webhooks.deadLetters.discard(id), false, id)
      t.equal(await app.webhooks.deadLetters.replay(id), false, id)
    }
  })

  t.test(`on ${kind}: a handler that takes too long is told so, and its event is tried again`, async (t) => {
    const reasons: unknown[] = []
    let runs = 0
    const { app } = await openApp(t, { ...optionsFor(t), handlerTimeoutMs: 50 }, (app) => {
      app.webhooks.on('generic', 'orders/create', (_event, { signal }) => {
        runs += 1
        if (runs > 1) return undefined
        signal.addEventListener('abort', () => reasons.push(signal.reason))
        return new Promise(() => undefined)
      })
    })
    await app.inject(signedEvent())
    await eventually(() => runs === 2)
    t.match(reasons, [{ code: 'STAY_WEBHOOK_HANDLER_TIMEOUT' }])
  })
}

t.test('leases may be any part of a second, and Redis gets whole milliseconds', async (t) => {
  const redis = new Redis(server.url)
  t.teardown(() => {
    redis.disconnect()
  })
  const odd = { claimSeconds: 1.0005, leaseSeconds: 1.0015 }
  const { app } = await openApp(t, { redis, keyPrefix: 'odd:', ...odd }, (app) => {
    app.webhooks.on('generic', '*', () => undefined)
  })
  t.equal((await app.inject(signedEvent())).statusCode, 202)
  await eventually(async () => (await app.webhooks.stats()).process.handled === 1)
  await eventually(async () => (await app.webhooks.stats()).queue.active === 0)
})

t.test(
  'what a provider of the app says is held against what it may say, before anything is accepted',
  async (t) => {
    let said: unknown
    // From JavaScript anything may come.
    const generic = { verify: (): never => said as never }
    const { app } = await openApp(t, { redis: false, providers: { generic }, processing: false })
    const event = { id: '1', topic: 'x', tenantId: '', body: '{}', fingerprint: 'f' }
    const answerTo = async (verdict: unknown): Promise<unknown> => {
      said = verdict
      const response = await app.inject(signedEvent())
      return response.json<{ code?: string; status?: string }>().code ?? response.statusCode
    }
    for (const verdict of [undefined, null, true, { kind: 'ok' }, { kind: 'verified' }]) {
      t.equal(await answerTo(verdict), 'STAY_WEBHOOK_PROVIDER_INVALID', JSON.stringify(verdict))
    }
    const wrong = { id: 5, topic: ['x'], tenantId: undefined, body: {}, fingerprint: undefined }
    for (const [name, value] of [...Object.entries(wrong), ['fingerprint', '']]) {
      const verdict = { kind: 'verified', event: { ...event, [name]: value } }
      t.equal(await answerTo(verdict), 'STAY_WEBHOOK_PROVIDER_INVALID', name)
    }
    for (const change of [
      { id: '' },
      { topic: '' },
      { id: 'x'.repeat(501) },
      { body: 'no json' },
      { body: '' },
    ]) {
      const verdict = { kind: 'verified', event: { ...event, ...change } }
      t.equal(await answerTo(verdict), 'STAY_WEBHOOK_UNREADABLE', JSON.stringify(change).slice(0, 30))
    }
    t.equal(await answerTo({ kind: 'unsigned' }), 'STAY_WEBHOOK_UNSIGNED')
    t.equal((await app.webhooks.stats()).process.accepted, 0)
    t.equal(await answerTo({ kind: 'verified', event }), 202)
    t.equal(await answerTo({ kind: 'verified', event: { ...event } }), 200)
  },
)

t.test('a fingerprint may be any text', async (t) => {
  const redis = new Redis(server.url)
  t.teardown(() => {
    redis.disconnect()
  })
  let fingerprint = 'one two'
  const event = { id: '1', topic: 'x', tenantId: '', body: '{}' }
  const generic = { verify: () => ({ kind: 'verified' as const, event: { ...event, fingerprint } }) }
  const { app } = await openApp(t, { redis, keyPrefix: 'any:', providers: { generic }, processing: false })
  for (const [text, status] of [
    ['one two', 202],
    ['one two', 200],
    ['two', 422],
    ['\u0000', 422],
  ] as const) {
    fingerprint = text
    t.equal((await app.inject(signedEvent())).statusCode, status, JSON.stringify(text))
  }
  const [receipt] = await redis.keys('any:webhook:*')
  t.match(await redis.get(receipt ?? ''), /^accepted [\w-]+$/)
})

t.test('who does not sign right is told nothing: 401', async (t) => {
  const { app, lines } = await openApp(t, { redis: false })
  const good = signedEvent()
  for (const request of [
    signedEvent({ secret: 'another' }),
    { ...good, headers: { ...good.headers, 'x-signature': '' } },
    { ...good, payload: '{"id":2}' },
    { ...good, payload: '' },
    signedEvent({ secret: 'another', body: 'no json' }),
  ]) {
    const response = await app.inject(request)
    t.equal(response.statusCode, 401)
    t.strictSame(response.json(), {
      statusCode: 401,
      code: 'STAY_WEBHOOK_UNSIGNED',
      error: 'Unauthorized',
      message: 'Unauthorized',
    })
  }
  t.match(lines(), 'X-Signature was made with another secret')
  t.notMatch(lines(), testSecret)
  t.match((await app.webhooks.stats()).process, { unsigned: 5, accepted: 0 })
})

t.test('a secret that was rotated between two deliveries changes nothing about the event', async (t) => {
  const { app } = await openApp(t, {
    redis: false,
    providers: { generic: hmac({ secrets: ['new', 'old'] }) },
  })
  t.equal((await app.inject(signedEvent({ secret: 'old' }))).statusCode, 202)
  t.equal((await app.inject(signedEvent({ secret: 'new' }))).statusCode, 200)
  t.equal((await app.inject(signedEvent({ secret: 'older' }))).statusCode, 401)
})

t.test('a body that is signed and no JSON is a 400, one that is too large a 413', async (t) => {
  const { app } = await openApp(t, { redis: false })
  const text = await app.inject(signedEvent({ body: 'no json' }))
  t.equal(text.statusCode, 400)
  t.match(text.json(), { code: 'STAY_WEBHOOK_UNREADABLE', message: /no JSON/ })
  const large = Buffer.alloc(10 * 1024 * 1024, '1')
  t.equal((await app.inject(signedEvent({ body: large }))).statusCode, 413)
  const huge = JSON.stringify('x'.repeat(4 * 1024 * 1024))
  t.equal((await app.inject(signedEvent({ body: huge }))).statusCode, 202, 'four megabytes are not')
  const { app: small } = await openApp(t, { redis: false, bodyLimitBytes: 10 })
  t.equal((await small.inject(signedEvent({ body: '{"id":12345}' }))).statusCode, 413)
})

t.test('whatever type the body says it has, its bytes are what was signed', async (t) => {
  const { app } = await openApp(t, { redis: false })
  let id = 0
  for (const type of ['application/json; charset=utf-8', 'text/plain', 'application/x-odd', undefined]) {
    id += 1
    const { headers, ...request } = signedEvent({ id: String(id), body: ' { "id" : 1 } ' })
    const typed = { ...headers, 'content-type': type }
    t.equal((await app.inject({ ...request, headers: typed })).statusCode, 202, type ?? 'none')
  }
  const { headers, ...request } = signedEvent({ id: 'odd' })
  const odd = { ...request, headers: { ...headers, 'content-type': 'json' } }
  t.equal((await app.inject(odd)).statusCode, 415, 'what is no type at all')
})

t.test('bodies are bytes on the route of the webhooks alone', async (t) => {
  const { app } = await openApp(t, { redis: false }, (app) => {
    app.post('/echo', async ({ body }) => body)
    app.register(async (child) => {
      child.post('/child', async ({ body }) => body)
    })
  })
  for (const url of ['/echo', '/child']) {
    const response = await app.inject({ method: 'POST', url, payload: { a: 1 } })
    t.strictSame(response.json(), { a: 1 })
    const odd = await app.inject({ method: 'POST', url, payload: 'x', headers: { 'content-type': 'x/odd' } })
    t.equal(odd.statusCode, 415)
  }
})

t.test('a provider that nobody configured is a 404, before its body is read', async (t) => {
  const { app } = await openApp(t, {
    redis: false,
    providers: { generic: hmac({ secrets: testSecret }), shopify: undefined },
  })
  for (const name of ['shopify', 'unknown', '__proto__', 'constructor', 'toString']) {
    const response = await app.inject({ ...signedEvent(), url: `/webhooks/${name}` })
    t.equal(response.statusCode, 404, name)
    t.match(response.json(), { code: 'STAY_WEBHOOK_PROVIDER_UNKNOWN' })
  }
  const large = { ...signedEvent({ body: Buffer.alloc(10 * 1024 * 1024) }), url: '/webhooks/unknown' }
  t.equal((await app.inject(large)).statusCode, 404)
  t.equal((await app.inject('/webhooks/generic')).statusCode, 404, 'GET')
})

t.test('a process may take webhooks without handling them, and another handle them', async (t) => {
  const redis = new Redis(server.url)
  t.teardown(() => {
    redis.disconnect()
  })
  const shared = { redis, keyPrefix: 'apart:' }
  const receiver = await openApp(t, { ...shared, processing: false }, (app) => {
    app.webhooks.on('generic', '*', () => t.fail('it handles nothing'))
  })
  t.equal((await receiver.app.inject(signedEvent())).statusCode, 202)
  t.match((await receiver.app.webhooks.stats()).queue, { waiting: 1 })
  const handled: string[] = []
  const worker = await openApp(t, { ...shared, receiving: false }, (app) => {
    app.webhooks.on('generic', '*', ({ id }) => void handled.push(id))
  })
  t.equal((await worker.app.inject(signedEvent())).statusCode, 404)
  await eventually(() => handled.length === 1)
  t.equal((await receiver.app.inject(signedEvent())).statusCode, 200)
})

t.test('a custom path, name and status', async (t) => {
  const { app } = await openApp(t, {
    redis: false,
    path: '/in/:provider/events',
    decorateAs: 'shopHooks',
    acceptedStatus: 200,
  })
  const response = await app.inject({ ...signedEvent(), url: '/in/generic/events' })
  t.equal(response.statusCode, 200)
  t.strictSame(response.json(), { status: 'accepted' })
  t.ok(app.hasDecorator('shopHooks'))
})

t.test('what is asked before the app is ready says so', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  app.register(webhooks, { providers: {}, redis: false })
  await app.after()
  await t.rejects(app.webhooks.stats(), { code: 'STAY_WEBHOOK_NOT_READY' })
  await t.rejects(app.webhooks.deadLetters.list(), { code: 'STAY_WEBHOOK_NOT_READY' })
})

t.test(
  'a handler for a provider that does not exist, a second one, or none is refused at once',
  async (t) => {
    const { app } = await openApp(t, { redis: false, providers: { shopify: shopify({ secrets: 'x' }) } })
    app.webhooks.on('shopify', 'orders/create', () => undefined)
    const on = (provider: string) => (): void => {
      app.webhooks.on(provider, 'orders/create', () => undefined)
    }
    t.throws(on('shopify'), { code: 'STAY_WEBHOOK_OPTION_INVALID', message: /already/ })
    t.throws(on('shopfy'), /Did you mean "shopify"/)
    for (const wrong of [
      ['new'],
      ['new', {}],
      ['', () => undefined],
      [undefined, () => undefined],
      [5, () => undefined],
    ]) {
      const add = (): unknown =>
        Reflect.apply(Reflect.get(app.webhooks, 'on'), app.webhooks, ['shopify', ...wrong])
      t.throws(add, { code: 'STAY_WEBHOOK_OPTION_INVALID' }, JSON.stringify(wrong))
    }
  },
)

t.test('the start line says what the queue lives on', async (t) => {
  const { lines } = await openApp(t, { redis: false })
  t.match(lines(), 'webhooks: memory; set REDIS_URL to share and keep it')
  const redis = new Redis(server.url)
  t.teardown(() => {
    redis.disconnect()
  })
  t.match((await openApp(t, { redis })).lines(), 'webhooks: redis (')
})

t.test('an app without Redis says at its end how many accepted events it takes along', async (t) => {
  const { app, lines } = await openApp(t, { redis: false, processing: false })
  await app.inject(signedEvent())
  await app.close()
  t.match(lines(), '1 accepted events are lost with this process')
})

/** Sends a webhook whose body ends only once the plugin has closed its queue. */
async function answeredWhileClosing(t: Test, options: Partial<WebhooksOptions>): Promise<number | undefined> {
  let sendRest: () => void = () => undefined
  const { app } = await openApp(t, { closeSeconds: 0.1, ...options }, (app) => {
    app.addHook('preClose', async () => sendRest())
  })
  const url = await app.listen({ port: 0, host: '127.0.0.1' })
  const { method, url: path, headers, payload } = signedEvent()
  const body = Buffer.from(payload)
  const request = httpRequest(new URL(path, url), { method, headers: { ...headers, connection: 'close' } })
  const answered = new Promise<number | undefined>((resolve, reject) => {
    request.on('response', (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    request.on('error', reject)
  })
  request.write(body.subarray(0, 3))
  const begun = new Promise((resolve) => app.server.on('request', resolve))
  await begun
  sendRest = () => {
    request.end(body.subarray(3))
  }
  await app.close()
  return answered
}

t.test('a webhook whose body comes while the app closes is not accepted and lost', async (t) => {
  t.equal(await answeredWhileClosing(t, { redis: false }), 503)
})

t.test('on Redis a webhook whose body comes while the app closes is kept for another process', async (t) => {
  const redis = new Redis(server.url)
  t.teardown(() => {
    redis.disconnect()
  })
  const shared = { redis, keyPrefix: 'closing:' }
  t.equal(await answeredWhileClosing(t, shared), 202)
  const handled: string[] = []
  const { app } = await openApp(t, shared, (app) => {
    app.webhooks.on('generic', '*', ({ id }) => void handled.push(id))
  })
  await eventually(() => handled.length === 1)
  t.equal((await app.inject(signedEvent())).statusCode, 200)
})

t.test('the close waits for a running handler, within its bound', async (t) => {
  let state = 'none'
  let release: () => void = () => undefined
  const { app } = await openApp(t, { redis: false }, (app: FastifyInstance) => {
    app.webhooks.on('generic', '*', async () => {
      state = 'running'
      await new Promise<void>((resolve) => {
        release = resolve
      })
      state = 'done'
    })
  })
  await app.inject(signedEvent())
  await eventually(() => state === 'running')
  const closed = app.close()
  release()
  await closed
  t.equal(state, 'done')
})
