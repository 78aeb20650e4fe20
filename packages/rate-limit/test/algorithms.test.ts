import { openLink } from '@stayfast/link-test-kit'
import { startRedisServer } from '@stayfast/test-kit'
import fc from 'fast-check'
import t from 'tap'
import type { Algorithm, Limit, Run } from '../dist/algorithms/limit.js'
import { bucketUs } from '../dist/algorithms/sliding-window.js'
import { MemoryLimitStore } from '../dist/stores/memory-limit-store.js'
import { mostWithin, referenceModel } from './reference-models.js'
import { virtualRedis } from './virtual-redis.js'

const algorithms = ['sliding-window', 'gcra', 'fixed-window'] as const satisfies Algorithm[]
const numRuns = process.env['STAYFAST_LONG'] === '1' ? 3000 : 60
const startUs = 1_767_225_600_000_000

interface Step {
  readonly afterUs: number
  readonly runs: readonly Run[]
}

const windowUs = fc.integer({ min: 60_000_000, max: 900_000_000 })

function scenario(algorithm: Algorithm): fc.Arbitrary<{ limit: Limit; steps: Step[] }> {
  return fc
    .record({ max: fc.integer({ min: 1, max: 40 }), burst: fc.integer({ min: 1, max: 40 }), windowUs })
    .chain(({ max, burst, windowUs }) => {
      const limit: Limit = { algorithm, max, burst, windowUs }
      const capacity = algorithm === 'gcra' ? burst : max
      const run = fc.record({
        cost: fc.integer({ min: 0, max: Math.min(capacity, 5) }),
        count: fc.integer({ min: 1, max: 15 }),
      })
      const pause = fc.oneof(
        fc.integer({ min: 0, max: Math.floor(windowUs / 60) }),
        fc.integer({ min: 0, max: windowUs * 2 }),
        fc.constant(windowUs),
        fc.constant(bucketUs(limit)),
      )
      const step = fc.record({ afterUs: pause, runs: fc.array(run, { minLength: 1, maxLength: 4 }) })
      return fc.record({
        limit: fc.constant(limit),
        steps: fc.array(step, { minLength: 1, maxLength: 25 }),
      })
    })
}

const server = await startRedisServer({}, t)
const redis = virtualRedis(server, await openLink(t, server.url, { deadlineMs: 20_000 }))
let scenarios = 0

for (const algorithm of algorithms) {
  t.test(`${algorithm}: memory and Redis decide what its definition says, whatever comes when`, async (t) => {
    await fc.assert(
      fc.asyncProperty(scenario(algorithm), async ({ limit, steps }) => {
        scenarios += 1
        const id = { policy: 'p', key: String(scenarios) }
        let nowUs = startUs
        const memory = new MemoryLimitStore(10, () => nowUs)
        const model = referenceModel(limit)
        for (const { afterUs, runs } of steps) {
          nowUs += afterUs
          await redis.setNow(nowUs)
          const expected = model.decide(nowUs, runs)
          t.same(await memory.decide(id, limit, runs), expected)
          t.same(await redis.store.decide(id, limit, runs), expected)
        }
      }),
      { numRuns },
    )
  })

  t.test(`${algorithm}: no span of time holds more than its bound, however greedy the client`, async (t) => {
    fc.assert(
      fc.property(
        scenario(algorithm),
        fc.double({ min: 0, max: 2, noNaN: true }),
        ({ limit, steps }, part) => {
          let nowUs = startUs
          const memory = new MemoryLimitStore(10, () => nowUs)
          const log: { atUs: number; cost: number }[] = []
          for (const { afterUs } of steps) {
            nowUs += afterUs
            const { runs } = memory.decideNow({ policy: 'p', key: 'k' }, limit, [{ cost: 1, count: 100 }])
            log.push({ atUs: nowUs, cost: runs[0]?.admitted ?? 0 })
          }
          t.ok(log.some(({ cost }) => cost > 0))
          if (algorithm === 'sliding-window') return mostWithin(log, limit.windowUs) <= limit.max
          if (algorithm === 'fixed-window') return mostWithin(log, limit.windowUs) <= 2 * limit.max
          const spanUs = Math.floor(limit.windowUs * part)
          return mostWithin(log, spanUs) <= limit.burst + (spanUs * limit.max) / limit.windowUs
        },
      ),
      { numRuns: numRuns * 3 },
    )
  })
}

t.test('a sliding window admits again at most one bucket late', async (t) => {
  const limit: Limit = { algorithm: 'sliding-window', max: 1, burst: 1, windowUs: 60_000_000 }
  let nowUs = startUs + 1
  const memory = new MemoryLimitStore(10, () => nowUs)
  const admits = (): number | undefined =>
    memory.decideNow({ policy: 'p', key: 'k' }, limit, [{ cost: 1, count: 1 }]).runs[0]?.admitted
  t.equal(admits(), 1)
  nowUs += limit.windowUs
  t.equal(admits(), 0)
  nowUs += bucketUs(limit)
  t.equal(admits(), 1)
})

for (const algorithm of algorithms) {
  t.test(
    `${algorithm}: a clock that goes back gives nobody a fresh limit, and blocks nobody for long`,
    async (t) => {
      const limit: Limit = { algorithm, max: 5, burst: 5, windowUs: 60_000_000 }
      let nowUs = startUs + limit.windowUs - 1_000_000
      const memory = new MemoryLimitStore(10, () => nowUs)
      const id = { policy: 'p', key: `back-${algorithm}` }
      const all: Run[] = [{ cost: 1, count: 9 }]
      const both = async (): Promise<readonly (number | undefined)[]> => {
        await redis.setNow(nowUs)
        return [
          (await memory.decide(id, limit, all)).runs[0]?.admitted,
          (await redis.store.decide(id, limit, all)).runs[0]?.admitted,
        ]
      }
      t.same(await both(), [5, 5])
      nowUs -= 2_000_000
      t.same(await both(), [0, 0], 'the clock of a new primary is a little behind')
      nowUs -= 86_400_000_000
      // What counts until a moment of a day from now would block for a day.
      await both()
      nowUs += 4 * limit.windowUs
      t.same(await both(), [5, 5], 'a clock that was set')
    },
  )
}
