import { setImmediate } from 'node:timers/promises'
import { eventually } from '@stayfast/test-kit'
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify'
import t from 'tap'
import { openApp } from './open-app.js'

/** The answer without what no two answers share. */
async function answer(
  app: FastifyInstance,
  request: InjectOptions,
): Promise<Partial<LightMyRequestResponse>> {
  const { statusCode, headers, payload } = await app.inject(request)
  return { statusCode, headers: { ...headers, date: undefined }, payload }
}

const routes = (app: FastifyInstance): void => {
  app.post('/', async () => 'ok')
  app.get('/banned', { config: { rateLimit: { max: 0, ban: 0 } } }, async () => 'ok')
}

t.test('a refusal is what Fastify would answer to its error, whoever answers it', async (t) => {
  // What is left of a window moves: this one is over too late for that.
  const options = { max: 0, timeWindow: '1000 days', headers: 'both' } as const
  const prepared = await openApp(t, options, routes)
  const thrown = await openApp(t, options, (app) => {
    app.addHook('onError', async () => undefined)
    routes(app)
  })
  for (const request of [
    { url: '/' },
    { url: '/', method: 'HEAD' },
    { url: '/', method: 'POST', payload: { a: 1 } },
    { url: '/nowhere' },
    { url: '/banned' },
  ] as const satisfies InjectOptions[]) {
    t.same(await answer(prepared.app, request), await answer(thrown.app, request), JSON.stringify(request))
  }
  const told = (lines: readonly { msg: string }[]): number =>
    lines.filter(({ msg }) => msg.startsWith('Rate limit exceeded')).length
  t.equal(told(thrown.lines), 5, 'Fastify logs an error')
  t.equal(told(prepared.lines), 0, 'where nobody has a say in errors none is made')
})

t.test('whoever has a say in errors gets the error of a refusal', async (t) => {
  const seen: unknown[] = []
  const { app } = await openApp(t, { max: 0 }, (app) => {
    const code = (error: unknown): unknown => Object.assign({ code: '' }, error).code
    void app.register(async (part) => {
      part.setErrorHandler((error, _request, reply) => reply.code(429).send({ part: code(error) }))
      part.get('/part', async () => 'ok')
    })
    void app.register(async (part) => {
      part.addHook('onError', async (_request, _reply, error) => {
        seen.push(code(error))
      })
      part.get('/hook', async () => 'ok')
    })
    app.get(
      '/route',
      {
        errorHandler: (error, _request, reply) => {
          void reply.code(429).send({ route: code(error) })
        },
      },
      async () => 'ok',
    )
    const message = { type: 'object', properties: { message: { type: 'string' } } }
    app.get('/schema', { schema: { response: { '4xx': message } } }, async () => 'ok')
  })
  const of = async (url: string): Promise<unknown> => (await app.inject(url)).json()
  t.same(await of('/part'), { part: 'STAY_RATE_EXCEEDED' })
  t.same(await of('/route'), { route: 'STAY_RATE_EXCEEDED' })
  t.match(await of('/hook'), { code: 'STAY_RATE_EXCEEDED' })
  t.same(seen, ['STAY_RATE_EXCEEDED'])
  t.same(Object.keys((await app.inject('/schema')).json<object>()), ['message'])
})

t.test('no serializer of the app sees a refusal', async (t) => {
  for (const problemJson of [false, true]) {
    const { app } = await openApp(t, { problemJson }, (app) => {
      app.addHook('onRequest', async (_request, reply) => {
        reply.serializer(() => 'serialized')
      })
      const limit = { max: 0, hook: 'preHandler' } as const
      app.get('/own', { config: { rateLimit: limit } }, async () => ({}))
    })
    t.match((await app.inject('/own')).json(), { code: 'STAY_RATE_EXCEEDED' })
  }
})

t.test('who places a limit can catch its refusal', async (t) => {
  const { app } = await openApp(t, {}, (app) => {
    const limit = app.rateLimit({ max: 0, name: 'placed' })
    app.get('/placed', async (request, reply) => {
      try {
        await Reflect.apply(limit, app, [request, reply])
      } catch (error) {
        return { caught: Object.assign({ code: '' }, error).code }
      }
      return 'ok'
    })
  })
  t.same((await app.inject('/placed')).json(), { caught: 'STAY_RATE_EXCEEDED' })
})

t.test('what fails in an async function that is told of a request ends up in the log', async (t) => {
  const rejections: unknown[] = []
  const listener = (error: unknown): void => {
    rejections.push(error)
  }
  process.on('unhandledRejection', listener)
  t.teardown(() => process.off('unhandledRejection', listener))
  const failing = async (): Promise<void> => {
    await Promise.resolve()
    throw new Error('no audit log')
  }
  const told = { onExceeding: failing, onExceeded: failing, onBanReach: failing }
  const { app, lines } = await openApp(t, { max: 1, ban: 0, ...told })
  t.same([(await app.inject('/')).statusCode, (await app.inject('/')).statusCode], [200, 403])
  await eventually(() => lines.filter(({ msg }) => msg.includes('function of the app')).length === 3)
  t.same(rejections, [])
})

t.test('an errorResponseBuilder that is async is refused, whatever becomes of it', async (t) => {
  const rejections: unknown[] = []
  const listener = (error: unknown): void => {
    rejections.push(error)
  }
  process.on('unhandledRejection', listener)
  t.teardown(() => process.off('unhandledRejection', listener))
  for (const errorResponseBuilder of [
    async () => ({ statusCode: 429 }),
    () => Promise.reject(new Error('no text')),
  ]) {
    const { app } = await openApp(t, { max: 0, errorResponseBuilder })
    t.match((await app.inject('/')).json(), { statusCode: 500, code: 'STAY_RATE_VALUE_INVALID' })
  }
  await setImmediate()
  t.same(rejections, [])
})
