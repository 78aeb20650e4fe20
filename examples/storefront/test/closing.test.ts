import { type RedisServer, startRedisServer } from '@stayfast/test-kit'
import fc from 'fast-check'
import { type FastifyInstance } from 'fastify'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { buildApp } from '../dist/app.js'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { readConfig } from '../dist/config.js'
import { DEMO_PASSWORD } from './demo-password.js'

const numRuns = process.env['STAYFAST_LONG'] === '1' ? 300 : 4
const mostMs = 1500
const settleMs = 10_000

/** What holds this process, by kind. Pipes are those of the servers' output, and of the test itself. */
const held = (): number => process.getActiveResourcesInfo().filter((kind) => !kind.startsWith('Pipe')).length

const acts = ['kill', 'restart', 'freeze', 'thaw', 'ask'] as const

class Trial {
  readonly #redis: RedisServer
  readonly #app: FastifyInstance
  #alive = true
  #frozen = false

  constructor(redis: RedisServer, app: FastifyInstance) {
    this.#redis = redis
    this.#app = app
  }

  /** What makes no sense at the moment is left out. */
  async do(act: (typeof acts)[number]): Promise<void> {
    if (act === 'kill' && this.#alive && !this.#frozen) {
      this.#alive = false
      await this.#redis.kill()
    } else if (act === 'restart' && !this.#alive) {
      this.#alive = true
      await this.#redis.restart()
    } else if (act === 'freeze' && this.#alive && !this.#frozen) {
      this.#frozen = true
      this.#redis.freeze()
    } else if (act === 'thaw' && this.#frozen) {
      this.#frozen = false
      this.#redis.thaw()
    } else if (act === 'ask') void this.#ask()
  }

  /** Nobody waits for the answers: the app may be closed before they come. */
  async #ask(): Promise<void> {
    await Promise.allSettled([
      this.#app.inject('/api/v1/health'),
      this.#app.inject({
        method: 'POST',
        url: '/auth/login',
        payload: { email: 'vendor-3@demo.test', password: DEMO_PASSWORD },
      }),
    ])
  }
}

t.test('whenever an app is closed, whatever Redis does, it holds nothing afterwards', async (t) => {
  const database = await openCatalogue({ kind: 'memory' }, () => undefined)
  t.teardown(() => database.close())
  const pauseMs = fc.oneof(
    fc.constant(0),
    fc.integer({ min: 0, max: 60 }),
    fc.integer({ min: 0, max: mostMs }),
  )
  const steps = fc.array(fc.record({ act: fc.constantFrom(...acts), pauseMs }), { maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(fc.boolean(), steps, async (waitsUntilReady, steps) => {
      const before = held()
      await using redis = await startRedisServer()
      const config = readConfig({ LOG_LEVEL: 'silent', DEMO_PASSWORD, REDIS_URL: redis.url })
      const app = await buildApp(config, database)
      const ready = app.ready()
      if (waitsUntilReady) await ready
      const trial = new Trial(redis, app)
      for (const { act, pauseMs } of steps) {
        await trial.do(act)
        await delay(pauseMs)
      }
      await ready
      await app.close()
      await redis.stop()
      // What a request was waiting for may end by its own deadline.
      const untilMs = performance.now() + settleMs
      while (held() > before && performance.now() < untilMs) await delay(50)
      if (held() > before) throw new Error(`It holds ${process.getActiveResourcesInfo().join(', ')}.`)
    }),
    { numRuns, endOnFailure: true },
  )
})
