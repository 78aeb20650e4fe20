import { openLink } from '@stayfast/link-test-kit'
import { startRedisServer } from '@stayfast/test-kit'
import fc from 'fast-check'
import t from 'tap'
import { newUsage } from '../dist/algorithms/counters.js'
import { intervalUs } from '../dist/algorithms/gcra.js'
import { bucketUs, countedBuckets } from '../dist/algorithms/sliding-window.js'
import type { Algorithm, Limit, Usage } from '../dist/algorithms/limit.js'
import { virtualRedis } from './virtual-redis.js'

const algorithms = ['sliding-window', 'gcra', 'fixed-window'] as const satisfies Algorithm[]
const numRuns = process.env['STAYFAST_LONG'] === '1' ? 2000 : 60
const startUs = 1_767_225_600_000_000
const look = [{ cost: 0, count: 1 }] as const

interface Hit {
  readonly atUs: number
  readonly cost: number
}

/** What would be left had Redis seen everything. */
function availableAfter(limit: Limit, hits: readonly Hit[], nowUs: number): number {
  if (limit.algorithm === 'gcra') {
    const unitUs = intervalUs(limit)
    let arrivalUs = 0
    for (const { atUs, cost } of hits) arrivalUs = Math.max(arrivalUs, atUs) + cost * unitUs
    const debtUs = Math.min(Math.max(arrivalUs - nowUs, 0), 2 * limit.burst * unitUs)
    return Math.floor((limit.burst * unitUs - debtUs) / unitUs)
  }
  const [lengthUs, counted] =
    limit.algorithm === 'fixed-window' ? [limit.windowUs, 1] : [bucketUs(limit), countedBuckets]
  const index = (us: number): number => Math.floor(us / lengthUs)
  const counting = hits.filter(({ atUs }) => index(atUs) > index(nowUs) - counted)
  return limit.max - counting.reduce((sum, { cost }) => sum + cost, 0)
}

const server = await startRedisServer({}, t)
const redis = virtualRedis(server, await openLink(t, server.url, { deadlineMs: 20_000 }))
let counters = 0

function newId(): { policy: string; key: string } {
  counters += 1
  return { policy: 'p', key: String(counters) }
}

function usageOf(limit: Limit, hits: readonly Hit[]): Usage {
  const usage = newUsage(limit.algorithm)
  for (const { atUs, cost } of hits) usage.add(atUs, limit, cost)
  return usage
}

for (const algorithm of algorithms) {
  const hit = fc.record({
    afterUs: fc.integer({ min: 0, max: 100_000_000 }),
    cost: fc.integer({ min: 1, max: 3 }),
  })

  t.test(
    `${algorithm}: charged to Redis, what was admitted without it counts as if Redis had seen it, once`,
    async (t) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(hit, { maxLength: 8 }),
          fc.array(hit, { minLength: 1, maxLength: 8 }),
          fc.integer({ min: 0, max: 150_000_000 }),
          async (before, away, laterUs) => {
            const limit: Limit = { algorithm, max: 30, burst: 30, windowUs: 120_000_000 }
            const id = newId()
            let nowUs = startUs
            const seen: Hit[] = []
            for (const { afterUs, cost } of before) {
              nowUs += afterUs
              await redis.setNow(nowUs)
              await redis.store.decide(id, limit, [{ cost, count: 1 }])
              seen.push({ atUs: nowUs, cost })
            }
            const unseen = away.map(({ afterUs, cost }) => {
              nowUs += afterUs
              return { atUs: nowUs, cost }
            })
            nowUs += laterUs
            await redis.setNow(nowUs)
            const usage = usageOf(limit, unseen)
            const expected = availableAfter(limit, [...seen, ...unseen], nowUs)
            const first = await redis.store.charge(id, limit, 'outage-1', usage)
            t.equal((await redis.store.decide(id, limit, look)).available, expected, String(first))
            await redis.store.charge(id, limit, 'outage-1', usage)
            t.equal((await redis.store.decide(id, limit, look)).available, expected, 'sent again')
            if (first)
              t.ok(Number(await server.command('pttl', `rate:p:${algorithm.charAt(0)}120000:${id.key}`)) > 0)
          },
        ),
        { numRuns },
      )
    },
  )

  t.test(`${algorithm}: several processes charge one key, each its own`, async (t) => {
    const limit: Limit = { algorithm, max: 30, burst: 30, windowUs: 120_000_000 }
    const id = newId()
    await redis.setNow(startUs)
    for (const process of ['a', 'b', 'a', 'c', 'b']) {
      await redis.store.charge(id, limit, process, usageOf(limit, [{ atUs: startUs, cost: 4 }]))
    }
    t.equal((await redis.store.decide(id, limit, look)).available, 18)
  })

  t.test(`${algorithm}: the marks of old charges do not pile up`, async (t) => {
    const limit: Limit = { algorithm, max: 30, burst: 30, windowUs: 120_000_000 }
    const id = newId()
    for (let outage = 0; outage < 20; outage += 1) {
      const nowUs = startUs + outage * 50_000_000
      await redis.setNow(nowUs)
      await redis.store.charge(id, limit, `outage-${outage}`, usageOf(limit, [{ atUs: nowUs, cost: 1 }]))
    }
    const fields = await server.command('hkeys', `rate:p:${algorithm.charAt(0)}120000:${id.key}`)
    const marks = (Array.isArray(fields) ? fields : []).filter((field) => String(field).startsWith('charge:'))
    t.ok(marks.length <= 4, `${marks.length} marks`)
  })

  t.test(`${algorithm}: a charge that comes when its usage is over changes nothing`, async (t) => {
    const limit: Limit = { algorithm, max: 30, burst: 30, windowUs: 120_000_000 }
    const id = newId()
    const usage = usageOf(limit, [{ atUs: startUs, cost: 4 }])
    await redis.setNow(Math.ceil(usage.endsAtUs) + 1)
    t.equal(await redis.store.charge(id, limit, 'late', usage), false)
    t.equal((await redis.store.decide(id, limit, look)).available, 30)
  })
}
