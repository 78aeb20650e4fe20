import fastifyRateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance } from 'fastify'
import { Redis } from 'ioredis'
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import rateLimit from '../dist/index.js'

/** What limits the app. */
export type Variant =
  | 'bare'
  | 'stayfast'
  | '@fastify/rate-limit, local'
  | '@fastify/rate-limit, Redis'
  | 'rate-limiter-flexible, Redis'

/** One client that may do all it likes; 10,000 of them; one that is refused. */
export type Scenario = 'one hot key' | '10,000 keys' | 'denied'

export const variants: readonly Variant[] = [
  'bare',
  'stayfast',
  '@fastify/rate-limit, local',
  '@fastify/rate-limit, Redis',
  'rate-limiter-flexible, Redis',
]

export const scenarios: readonly Scenario[] = ['one hot key', '10,000 keys', 'denied']

const keys = 10_000
const windowSeconds = 900

/** All variants answer the same, and count by the same key for the same window. */
async function limit(app: FastifyInstance, variant: Variant, scenario: Scenario): Promise<void> {
  const max = scenario === 'denied' ? 1 : 1_000_000_000
  let turn = 0
  const key = (): string => {
    if (scenario !== '10,000 keys') return 'client'
    turn = (turn + 1) % keys
    return `client-${turn}`
  }
  const options = { max, timeWindow: windowSeconds * 1000, keyGenerator: key }
  const redis = (): Redis => {
    const client = new Redis(process.env['REDIS_URL'] ?? '')
    app.addHook('onClose', () => {
      client.disconnect()
    })
    return client
  }
  switch (variant) {
    case 'bare':
      return
    case 'stayfast':
      await app.register(rateLimit, { ...options, redis: redis() })
      return
    case '@fastify/rate-limit, local':
      await app.register(fastifyRateLimit, { ...options, cache: 2 * keys })
      return
    case '@fastify/rate-limit, Redis':
      await app.register(fastifyRateLimit, { ...options, redis: redis() })
      return
    case 'rate-limiter-flexible, Redis': {
      const limiter = new RateLimiterRedis({
        storeClient: redis(),
        points: max,
        duration: windowSeconds,
        // Its own cache of refused keys.
        inMemoryBlockOnConsumed: max,
      })
      app.addHook('onRequest', async (_request, reply) => {
        try {
          const { remainingPoints, msBeforeNext } = await limiter.consume(key())
          reply.headers({ 'x-ratelimit-limit': max, 'x-ratelimit-remaining': remainingPoints })
          reply.header('x-ratelimit-reset', Math.ceil(msBeforeNext / 1000))
        } catch (refusal) {
          if (!(refusal instanceof RateLimiterRes)) throw refusal
          return reply
            .code(429)
            .header('retry-after', Math.ceil(refusal.msBeforeNext / 1000))
            .send({
              statusCode: 429,
              error: 'Too Many Requests',
              message: 'Rate limit exceeded',
            })
        }
      })
    }
  }
}

/** What a refused client gets, from a route that knows nothing of limits. */
function addRefusingRoute(app: FastifyInstance): void {
  const headers = {
    'ratelimit-policy': '"default";q=1;w=900',
    ratelimit: '"default";r=0;t=900',
    'retry-after': 900,
  }
  app.get('/', (_request, reply) =>
    reply.code(429).headers(headers).send({
      statusCode: 429,
      code: 'STAY_RATE_EXCEEDED',
      error: 'Too Many Requests',
      message: 'Rate limit exceeded, retry in 15 minutes',
    }),
  )
}

/** An app with one route, limited by one of the variants; the bare one answers the same. */
export async function createLimitedApp(variant: Variant, scenario: Scenario): Promise<FastifyInstance> {
  const app = Fastify()
  await limit(app, variant, scenario)
  if (variant === 'bare' && scenario === 'denied') addRefusingRoute(app)
  else app.get('/', () => ({ hello: 'world' }))
  return app
}
