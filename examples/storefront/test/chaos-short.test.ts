import { startProcess } from '@stayfast/test-kit'
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Type } from 'typebox'
import { Value } from 'typebox/value'

const MAIN = new URL('../chaos-dist/main.js', import.meta.url)
const PATIENCE_MS = 180_000
const FAULTS = ['killed-aof', 'killed-no-aof', 'frozen', 'full']

/** What this test needs of the report. */
const Report = Type.Object({
  passed: Type.Boolean(),
  load: Type.Number(),
  faults: Type.Array(
    Type.Object({
      fault: Type.String(),
      acknowledged: Type.Object({ redis: Type.Integer() }),
      outsideDetection: Type.Object({ p99Ms: Type.Integer() }),
      bars: Type.Array(Type.Object({ name: Type.String(), met: Type.Boolean(), measured: Type.String() })),
    }),
  ),
})

// The test runner's own loaders are none of the program's business.
const env = { NODE_OPTIONS: undefined, NODE_V8_COVERAGE: undefined }

t.setTimeout(PATIENCE_MS)

t.test('whatever Redis does, two processes under load keep their word', async (t) => {
  const json = join(t.testdir(), 'report.json')
  const run = await startProcess(MAIN, { args: ['--short', '--json', json], env }, t)
  const { code } = await run.exited
  for (const line of run.stdout) t.comment(line)
  t.same(run.stderr, [])
  const report = Value.Parse(Report, JSON.parse(await readFile(json, 'utf8')))
  t.same(
    report.faults.map(({ fault }) => fault),
    FAULTS,
  )
  t.equal(code, report.passed ? 0 : 1)

  // Where the processors have more work than they can do, each request gets its share of them.
  const busy = Math.max(1, (2 * report.load) / availableParallelism())
  for (const { fault, bars, outsideDetection, acknowledged } of report.faults) {
    t.ok(acknowledged.redis > 0, `${fault}: the load has written`)
    t.ok(
      outsideDetection.p99Ms < 100 * busy,
      `${fault}: p99 ${outsideDetection.p99Ms} ms outside the detection`,
    )
    for (const { name, met, measured } of bars) {
      if (!name.startsWith('p99 ')) t.ok(met, `${fault}: ${name}: ${measured}`)
    }
  }
})

t.test('a fault that does not exist is refused with the names of those that do', async (t) => {
  const run = await startProcess(MAIN, { args: ['--only', 'flooded'], env }, t)
  t.same(await run.exited, { code: 2, signal: null })
  t.match(run.stderr[0], /"flooded"; there are killed-aof, .*cycles/)
})
