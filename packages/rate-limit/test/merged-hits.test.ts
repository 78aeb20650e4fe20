import { AsyncLocalStorage } from 'node:async_hooks'
import fc from 'fast-check'
import t from 'tap'
import type { Limit, Run } from '../dist/algorithms/limit.js'
import { MergedHits } from '../dist/merged-hits.js'
import { countsBy } from '../dist/stores/limit-store.js'
import { MemoryLimitStore } from '../dist/stores/memory-limit-store.js'
import { notCounted, type Ask, type Verdict } from '../dist/verdict.js'

const startUs = 1_767_225_600_000_000

function limitOf(max: number): Limit {
  return { algorithm: 'sliding-window', max, burst: max, windowUs: 900_000_000 }
}

function askFor(key: string, cost = 1, limit: Limit = limitOf(3)): Ask {
  return {
    id: { policy: 'p', key },
    name: `${countsBy(limit)}:${key}`,
    limit,
    cost,
    onOutage: 'local',
    penalty: 'none',
  }
}

/** Merges over counters in memory, and counts what is sent. */
function open(): {
  hits: MergedHits
  sent: { key: string; runs: readonly Run[] }[]
  decide: (ask: Ask) => Promise<Verdict>
} {
  const store = new MemoryLimitStore(100, () => startUs)
  const sent: { key: string; runs: readonly Run[] }[] = []
  const hits = new MergedHits((batches) => {
    for (const batch of batches) {
      const { ask, runs } = batch
      sent.push({ key: ask.id.key, runs: [...runs] })
      batch.settle(store.decideNow(ask.id, ask.limit, runs))
    }
  })
  const decide = (ask: Ask): Promise<Verdict> =>
    new Promise((resolve, reject) => {
      hits.decide(ask, (error, verdict) => {
        if (verdict === undefined) reject(error ?? new Error('no verdict'))
        else resolve(verdict)
      })
    })
  return { hits, sent, decide }
}

t.test('requests of one turn are one question, and those that came first get in', async (t) => {
  const { sent, decide } = open()
  const verdicts = await Promise.all(Array.from({ length: 6 }, () => decide(askFor('a'))))
  t.same(
    verdicts.map(({ allowed, remaining }) => [allowed, remaining]),
    [
      [true, 2],
      [true, 1],
      [true, 0],
      [false, 0],
      [false, 0],
      [false, 0],
    ],
  )
  t.same(sent, [{ key: 'a', runs: [{ cost: 1, count: 6 }] }])
})

t.test('counters are not mixed, and the next turn is another command', async (t) => {
  const { sent, decide } = open()
  await Promise.all(['a', 'b', 'a', 'c', 'b'].map((key) => decide(askFor(key))))
  await decide(askFor('a'))
  t.same(
    sent.map(({ key, runs }) => [key, runs[0]?.count]),
    [
      ['a', 2],
      ['b', 2],
      ['c', 1],
      ['a', 1],
    ],
  )
})

t.test(
  'requests under different limits of one counter are decided in the order in which they came',
  async (t) => {
    const { sent, decide } = open()
    const wide = limitOf(5)
    const verdicts = await Promise.all([
      ...Array.from({ length: 4 }, () => decide(askFor('a', 1, wide))),
      decide(askFor('a')),
      decide(askFor('a', 1, wide)),
      decide(askFor('a', 1, wide)),
    ])
    t.same(
      verdicts.map(({ allowed }) => allowed),
      [true, true, true, true, false, true, false],
    )
    t.equal(sent.length, 3)
  },
)

t.test('more runs than fit into a question are several, in order', async (t) => {
  const { sent, decide } = open()
  const limit = limitOf(1200)
  const verdicts = await Promise.all(
    Array.from({ length: 1201 }, (_, index) => decide(askFor('a', 1 + (index % 2), limit))),
  )
  t.same(
    sent.map(({ runs }) => runs.length),
    [500, 500, 201],
  )
  t.equal(
    verdicts.slice(0, 800).every(({ allowed }) => allowed),
    true,
  )
  t.equal(
    verdicts.slice(800).some(({ allowed }) => allowed),
    false,
  )
})

t.test('merged or one by one, whatever they cost: the same requests get in', async (t) => {
  const request = fc.record({ key: fc.constantFrom('a', 'b'), cost: fc.integer({ min: 0, max: 4 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 40 }), async (requests) => {
      const merged = open()
      const asks = requests.map(({ key, cost }) => askFor(key, cost, limitOf(12)))
      const together = await Promise.all(asks.map((ask) => merged.decide(ask)))
      const alone = open()
      const apart: Verdict[] = []
      for (const ask of asks) apart.push(await alone.decide(ask))
      t.same(
        together.map(({ allowed }) => allowed),
        apart.map(({ allowed }) => allowed),
      )
      const remaining = (verdicts: Verdict[]): number[] =>
        verdicts.filter(({ allowed }) => allowed).map((verdict) => verdict.remaining)
      t.same(remaining(together), remaining(apart))
    }),
    { numRuns: process.env['STAYFAST_LONG'] === '1' ? 2000 : 100 },
  )
})

t.test('when it cannot be decided every request is told', async (t) => {
  const hits = new MergedHits((batches) => {
    for (const batch of batches) batch.fail(new Error('away'))
  })
  const told = await Promise.all(
    [1, 2, 3].map(
      () =>
        new Promise((resolve) =>
          hits.decide(askFor('a'), (error, verdict) => resolve([error?.message, verdict])),
        ),
    ),
  )
  t.same(told, Array(3).fill(['away', undefined]))
})

t.test('each request goes on where it came from, whoever it was merged with', async (t) => {
  const request = new AsyncLocalStorage<number>()
  const store = new MemoryLimitStore(100, () => startUs)
  for (const answer of ['settled', 'failed', 'handed on']) {
    const hits = new MergedHits((batches) => {
      for (const batch of batches) {
        if (answer === 'settled') batch.settle(store.decideNow(batch.id, batch.limit, batch.runs))
        else if (answer === 'failed') batch.fail(new Error('away'))
        else batch.handTo((_ask, settle) => settle(undefined, notCounted))
      }
    })
    const seen = await Promise.all(
      [1, 2, 3].map(
        (number) =>
          new Promise((resolve) =>
            request.run(number, () => hits.decide(askFor('a'), () => resolve(request.getStore()))),
          ),
      ),
    )
    t.same(seen, [1, 2, 3], answer)
  }
})
