import t from 'tap'
import { TapReport } from '../dist/suites/tap-report.js'

function read(tap: string): TapReport {
  const report = new TapReport()
  for (const line of tap.split('\n')) report.write(line)
  report.end()
  return report
}

t.test('the innermost assertions are counted, not the tests around them', (t) => {
  const report = read(`TAP version 14
1..2
# Subtest: test/a.test.js
    # Subtest: a cart keeps its items
        ok 1 - is there
        ok 2 - is paid
        1..2
    ok 1 - a cart keeps its items
    1..1
ok 1 - test/a.test.js
# Subtest: test/b.test.js
    ok 1 - stands alone
    1..1
ok 2 - test/b.test.js
`)
  t.match(report, { files: 2, passed: 3, failed: 0, skipped: 0, failures: [] })
  t.end()
})

t.test('a failure is told with its file, its tests and its diagnostics', (t) => {
  const report = read(`TAP version 14
# Subtest: test/a.test.js
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
    1..1
not ok 1 - test/a.test.js
1..1
`)
  t.match(report, { files: 1, passed: 1, failed: 1 })
  t.strictSame(report.failures, [
    {
      path: ['test/a.test.js', 'a cart keeps its items', 'is there'],
      diagnostics: { diff: '-1\n+2\n' },
    },
  ])
  t.end()
})

t.test('a file that crashes after its assertions passed is one failure', (t) => {
  const report = read(`TAP version 14
# Subtest: test/a.test.js
    ok 1 - is there
    1..1
not ok 1 - test/a.test.js
  ---
  exitCode: 5
  ...
# Subtest: test/b.test.js
    not ok 1 - is there
    1..1
not ok 2 - test/b.test.js
# Subtest: test/c.test.js
    1..0 # no tests found
not ok 3 - test/c.test.js
1..3
`)
  t.match(report, { files: 3, passed: 1, failed: 3 })
  t.strictSame(report.failures[0], { path: ['test/a.test.js'], diagnostics: { exitCode: 5 } })
  t.strictSame(
    report.failures.map(({ path }) => path[0]),
    ['test/a.test.js', 'test/b.test.js', 'test/c.test.js'],
  )
  t.end()
})

t.test('a file that runs no test is a failure', (t) => {
  const report = read(`TAP version 14
# Subtest: test/a.test.js
    1..0 # no tests found
ok 1 - test/a.test.js # SKIP no tests found
1..1
`)
  t.match(report, { files: 1, passed: 0, failed: 1 })
  t.match(report.failures[0]?.path, ['test/a.test.js', /ran no test/])
  t.end()
})

t.test('what is skipped or to do neither passes nor fails', (t) => {
  const report = read(`TAP version 14
# Subtest: test/a.test.js
    ok 1 - later # SKIP no browser: install one
    not ok 2 - some day # TODO
    ok 3 - now
    1..3
ok 1 - test/a.test.js
1..1
`)
  t.match(report, {
    passed: 1,
    failed: 0,
    skipped: 2,
    skips: [{ path: ['test/a.test.js', 'later'], reason: 'no browser: install one' }],
  })
  t.end()
})

t.test('output that breaks off is a failure', (t) => {
  t.match(read('TAP version 14\n1..2\n# Subtest: test/a.test.js\n    ok 1 - is there\n'), { failed: 1 })
  t.end()
})

t.test('what is not TAP is passed over', (t) => {
  const report = read(`TAP version 14
a word on the side
# Subtest: test/a.test.js
    ok 1 - is there
    1..1
ok 1 - test/a.test.js
1..1
coverage report: somewhere
`)
  t.match(report, { passed: 1, failed: 0 })
  t.end()
})
