import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import session from '../dist/index.js'

/**
 * One subject of the benchmark, in a process of its own: BENCH_SUBJECT says which, REDIS_URL where. All
 * answer the same to GET /me; the sessions hold the same.
 */
declare module 'fastify' {
  interface Session {
    user?: { readonly id: string; readonly tenantId: string; readonly roles: readonly string[] }
    locale?: string
    returnTo?: string
    cart?: readonly { readonly productId: string; readonly quantity: number }[]
    flash?: { readonly kind: string; readonly text: string }
  }
}

const secret = 'a secret of at least thirty-two characters'
const url = process.env['REDIS_URL'] ?? ''

const content = {
  locale: 'en-GB',
  returnTo: '/dashboard/orders?status=open',
  cart: [1, 2, 3].map((quantity) => ({ productId: `p-vendor-1-${quantity}`, quantity })),
  flash: { kind: 'info', text: 'Saved.' },
}

function bare(app: FastifyInstance): void {
  app.post('/login', () => ({}))
  app.get('/me', () => ({ userId: 'ada' }))
}

/** Around @fastify/session as one writes it at first: a GET, a SET of the whole, a DEL. */
function plain(app: FastifyInstance, rolling: boolean): void {
  const redis = new Redis(url)
  app.register(fastifyCookie)
  app.register(fastifySession, {
    secret,
    rolling,
    saveUninitialized: false,
    cookie: { secure: false, maxAge: 86_400_000 },
    store: {
      get(id, callback) {
        void redis.get(`plain:${id}`, (error, text) => {
          if (error) callback(error)
          else callback(null, text ? (JSON.parse(text) as Parameters<typeof callback>[1]) : null)
        })
      },
      set(id, value, callback) {
        void redis.set(`plain:${id}`, JSON.stringify(value), 'EX', 86_400, (error) => {
          callback(error)
        })
      },
      destroy(id, callback) {
        void redis.del(`plain:${id}`, (error) => {
          callback(error)
        })
      },
    },
  })
  app.register((scope, _options, done) => {
    scope.post('/login', async (request) => {
      await request.session.regenerate()
      Object.assign(request.session, content, {
        user: { id: 'ada', tenantId: 'vendor-1', roles: ['vendor'] },
      })
      return {}
    })
    scope.get('/me', (request) => ({ userId: request.session.user?.id }))
    done()
  })
}

function ours(app: FastifyInstance): void {
  app.register(session, { secret, redis: new Redis(url, { lazyConnect: true }), secure: false })
  app.register((scope, _options, done) => {
    scope.post('/login', async (request) => {
      await scope.sessions.login(request, { userId: 'ada', tenantId: 'vendor-1', roles: ['vendor'] })
      Object.assign(request.session, content)
      return {}
    })
    scope.get('/me', { preHandler: scope.sessions.requireAuth }, (request) => ({
      userId: request.principal?.userId,
    }))
    done()
  })
}

const app = Fastify()
switch (process.env['BENCH_SUBJECT']) {
  case 'plain, rolling':
    plain(app, true)
    break
  case 'plain, not rolling':
    plain(app, false)
    break
  case 'ours':
    ours(app)
    break
  default:
    bare(app)
}
// CPU time per request says more than requests per second where cores are shared.
app.get('/cpu', () => {
  const { user, system } = process.cpuUsage()
  return { us: user + system }
})
console.log(`listening at ${await app.listen({ port: 0, host: '127.0.0.1' })}`)
