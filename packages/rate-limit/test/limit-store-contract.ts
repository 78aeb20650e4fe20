import type { Test } from 'tap'
import type { Algorithm, Limit, Run } from '../dist/algorithms/limit.js'
import type { LimitStore } from '../dist/stores/limit-store.js'

/** Calendar windows end in the middle of a test unless they are longer than tests will be run. */
const windowUs = 100_000 * 86_400_000_000

function limitOf(algorithm: Algorithm, max: number): Limit {
  return { algorithm, max, burst: max, windowUs }
}

const one: readonly Run[] = [{ cost: 1, count: 1 }]
let counters = 0

/** What every store of counters does, by the clock of its own. */
export function limitStoreContract(t: Test, name: string, store: () => LimitStore): void {
  const newId = (): { policy: string; key: string } => {
    counters += 1
    return { policy: 'contract', key: `client-${counters}` }
  }

  for (const algorithm of ['sliding-window', 'gcra', 'fixed-window'] as const) {
    const limit = limitOf(algorithm, 10)

    t.test(`${name}: ${algorithm}: admits exactly max, one by one`, async (t) => {
      const id = newId()
      for (let left = 10; left > 0; left -= 1) {
        const { available, runs, resetUs } = await store().decide(id, limit, one)
        t.equal(available, left)
        t.equal(runs[0]?.admitted, 1)
        t.ok(resetUs > 0)
      }
      const { available, runs } = await store().decide(id, limit, one)
      t.equal(available, 0)
      t.equal(runs[0]?.admitted, 0)
      t.ok((runs[0]?.retryUs ?? 0) > 0)
    })

    t.test(`${name}: ${algorithm}: 100 at a time admit exactly max`, async (t) => {
      const id = newId()
      const decisions = await Promise.all(Array.from({ length: 100 }, () => store().decide(id, limit, one)))
      t.equal(decisions.filter(({ runs }) => runs[0]?.admitted === 1).length, 10)
    })

    t.test(`${name}: ${algorithm}: requests of different cost get in from the front`, async (t) => {
      const { available, runs } = await store().decide(newId(), limit, [
        { cost: 4, count: 3 },
        { cost: 0, count: 2 },
        { cost: 1, count: 5 },
      ])
      t.equal(available, 10)
      t.same(
        runs.map(({ admitted }) => admitted),
        [2, 2, 2],
      )
      t.ok((runs[0]?.retryUs ?? 0) > (runs[2]?.retryUs ?? 0) || algorithm !== 'gcra')
      t.equal(runs[1]?.retryUs, 0)
    })

    t.test(`${name}: ${algorithm}: what costs nothing looks and takes nothing`, async (t) => {
      const id = newId()
      const look = await store().decide(id, limit, [{ cost: 0, count: 1 }])
      t.same(look, { available: 10, resetUs: 0, runs: [{ admitted: 1, retryUs: 0 }] })
      await store().decide(id, limit, one)
      t.equal((await store().decide(id, limit, [{ cost: 0, count: 1 }])).available, 9)
    })

    t.test(`${name}: ${algorithm}: a max that is raised or lowered counts what was used`, async (t) => {
      const id = newId()
      await store().decide(id, limit, [{ cost: 1, count: 10 }])
      const raised = await store().decide(id, { ...limit, max: 15, burst: 15 }, [{ cost: 1, count: 10 }])
      t.equal(raised.runs[0]?.admitted, algorithm === 'gcra' ? raised.available : 5)
      const lowered = await store().decide(id, { ...limit, max: 5, burst: 5 }, one)
      t.equal(lowered.runs[0]?.admitted, 0)
    })
  }

  t.test(`${name}: policies, keys and windows that look alike are counted apart`, async (t) => {
    const limit = limitOf('sliding-window', 1)
    const ids = [
      { policy: 'a', key: 'b:c' },
      { policy: 'a:b', key: 'c' },
      { policy: 'a', key: '{b}c' },
      { policy: 'a', key: '*' },
      { policy: 'a', key: '' },
      { policy: '', key: 'a' },
      { policy: 'a', key: 'é\u0000\n' },
      { policy: 'a', key: 'x'.repeat(5000) },
      { policy: 'a', key: `${'x'.repeat(5000)}y` },
    ]
    for (const id of ids) t.equal((await store().decide(id, limit, one)).runs[0]?.admitted, 1)
    for (const id of ids) t.equal((await store().decide(id, limit, one)).runs[0]?.admitted, 0)
    const [id = newId()] = ids
    t.equal((await store().decide(id, { ...limit, windowUs: 60_000_000 }, one)).runs[0]?.admitted, 1)
    t.equal((await store().decide(id, { ...limit, algorithm: 'gcra' }, one)).runs[0]?.admitted, 1)
  })
}
