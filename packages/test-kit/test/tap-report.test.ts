import t from 'tap'
import { TapReport } from '../dist/suites/tap-report.js'

interface Output {
  tap: string
  code?: number
  signal?: NodeJS.Signals
}

function read(files: Record<string, Output>): TapReport {
  const report = new TapReport()
  for (const [name, { tap, code = 0, signal = null }] of Object.entries(files)) {
    const file = report.file(name)
    for (const line of tap.split('\n')) file.write(line)
    file.end(signal === null ? { code, signal } : { code: null, signal })
  }
  return report
}

t.test('the innermost assertions are counted, not the tests around them', (t) => {
  const report = read({
    'a.test.js': {
      tap: `TAP version 14
# Subtest: a cart keeps its items
    ok 1 - is there
    ok 2 - is paid
    1..2
ok 1 - a cart keeps its items
1..1`,
    },
    'b.test.js': { tap: 'TAP version 14\nok 1 - stands alone\n1..1' },
  })
  t.match(report, { files: 2, passed: 3, failed: 0, skipped: 0, failures: [] })
  t.end()
})

t.test('a failure is told with its file, its tests and its diagnostics', (t) => {
  const report = read({
    'a.test.js': {
      tap: `TAP version 14
# Subtest: a cart keeps its items
    not ok 1 - is there
      ---
      diff: |
        -1
        +2
      ...
    ok 2 - is paid
    1..2
not ok 1 - a cart keeps its items
1..1`,
      code: 1,
    },
  })
  t.match(report, { files: 1, passed: 1, failed: 1 })
  t.strictSame(report.failures, [
    { path: ['a.test.js', 'a cart keeps its items', 'is there'], diagnostics: { diff: '-1\n+2\n' } },
  ])
  t.end()
})

t.test('a test that fails with nothing failing inside is one failure', (t) => {
  const tap = `TAP version 14
# Subtest: a cart keeps its items
    ok 1 - is there
    1..1
not ok 1 - a cart keeps its items
  ---
  error: it ended too early
  ...
1..1`
  const report = read({ 'a.test.js': { tap, code: 1 } })
  t.match(report, { passed: 1, failed: 1 })
  t.strictSame(report.failures, [
    { path: ['a.test.js', 'a cart keeps its items'], diagnostics: { error: 'it ended too early' } },
  ])
  t.end()
})

t.test('a file that crashes after its assertions passed is one failure', (t) => {
  const tap = 'TAP version 14\nok 1 - is there\n1..1'
  const report = read({
    'a.test.js': { tap, code: 5 },
    'b.test.js': { tap: tap.replace('ok', 'not ok'), code: 1 },
    'c.test.js': { tap, signal: 'SIGABRT' },
    'd.test.js': { tap },
  })
  t.match(report, { files: 4, passed: 3, failed: 3 })
  t.strictSame(
    report.failures.map(({ path }) => path),
    [
      ['a.test.js', 'It ended with exit code 5.'],
      ['b.test.js', 'is there'],
      ['c.test.js', 'It was ended by SIGABRT.'],
    ],
  )
  t.end()
})

t.test('a file that runs no test is a failure', (t) => {
  const report = read({
    'a.test.js': { tap: 'TAP version 14\n1..0 # no tests found' },
    'b.test.js': { tap: '' },
  })
  t.match(report, { files: 2, passed: 0, failed: 2 })
  t.match(report.failures[0]?.path, ['a.test.js', /ran no test/])
  t.end()
})

t.test('what is skipped or to do neither passes nor fails', (t) => {
  const tap = `TAP version 14
ok 1 - later # SKIP no browser: install one
not ok 2 - some day # TODO
ok 3 - now
1..3`
  t.match(read({ 'a.test.js': { tap } }), {
    passed: 1,
    failed: 0,
    skipped: 2,
    skips: [{ path: ['a.test.js', 'later'], reason: 'no browser: install one' }],
  })
  t.end()
})

t.test('output that breaks off is a failure', (t) => {
  const tap = 'TAP version 14\n1..2\n# Subtest: a cart\n    ok 1 - is there\n'
  t.match(read({ 'a.test.js': { tap } }), { failed: 1 })
  t.end()
})

t.test('what is not TAP is passed over', (t) => {
  const tap = 'TAP version 14\na word on the side\nok 1 - is there\n1..1\nwritten at the exit'
  t.match(read({ 'a.test.js': { tap } }), { passed: 1, failed: 0 })
  t.end()
})
