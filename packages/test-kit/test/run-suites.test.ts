import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import type { Check } from '../dist/suites/run-check.js'
import { runSuites, type RunOptions, type RunTotals } from '../dist/suites/run-suites.js'

/** The environment of a shell: tap tells its children that they are tests of it. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/TAP|^NODE_/.test(name)))

interface PackageFiles {
  settings?: object
  /** A shell script in tap's place; without it the real one runs. */
  tap?: string
  files?: Record<string, string>
  group?: string
}

async function workspace(t: Test, packages: Record<string, PackageFiles>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'stayfast-workspace-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  for (const [name, { settings = {}, tap, files = {}, group = 'packages' }] of Object.entries(packages)) {
    const folder = join(root, group, name)
    const bin = join(folder, 'node_modules', '.bin')
    const all: Record<string, string> = {
      '.taprc': 'allow-incomplete-coverage: true\ncoverage-report:\n  - json-summary\n',
      'package.json': JSON.stringify({ name: `@shop/${name}`, type: 'module', stayfast: settings }),
      ...files,
    }
    for (const [file, text] of Object.entries(all)) {
      await mkdir(dirname(join(folder, file)), { recursive: true })
      await writeFile(join(folder, file), text)
    }
    await mkdir(bin, { recursive: true })
    if (tap === undefined) {
      await symlink(resolve('node_modules/tap'), join(folder, 'node_modules', 'tap'))
      await symlink(resolve('node_modules/.bin/tap'), join(bin, 'tap'))
    } else {
      await writeFile(join(bin, 'tap'), `#!/bin/sh\n${tap}\n`)
      await chmod(join(bin, 'tap'), 0o755)
    }
  }
  return root
}

async function run(root: string, options: Partial<RunOptions> = {}): Promise<RunTotals & { output: string }> {
  let output = ''
  const totals = await runSuites({ root, env, write: (text) => void (output += text), ...options })
  return { ...totals, output }
}

const green = `cat <<'END'
TAP version 14
# Subtest: test/a.test.js
    ok 1 - is there
    ok 2 - is paid
    1..2
ok 1 - test/a.test.js
1..1
END`

function covering(percentage: number): string {
  const report = JSON.stringify({ total: { lines: { pct: percentage } } })
  return `mkdir -p .tap/report; echo '${report}' > .tap/report/coverage-summary.json\n${green}`
}

t.test('a suite of the real tap is counted, with its coverage and its failures', async (t) => {
  const root = await workspace(t, {
    cart: {
      settings: { coverageFloor: 60 },
      files: {
        'dist/cart.js':
          'export function size(cart) {\n  if (!cart) {\n    return 0\n  }\n  return cart.length\n}\n',
        'test/cart.test.js': `import t from 'tap'
import { size } from '../dist/cart.js'
t.test('a cart knows its size', async (t) => { t.equal(size([1]), 1); t.equal(size([1, 2]), 3, 'three') })`,
        'test/crash.test.js': `import t from 'tap'
t.ok(true)
throw new Error('the shelf fell down')`,
      },
    },
  })
  const { passed, failed, output } = await run(root)
  t.match({ passed, failed }, { passed: 2, failed: 2 })
  t.match(output, /^cart … 2 files, 4 assertions, 2 failed, [\d.]+ s, coverage 6\d(\.\d)? % \(floor 60 %\)$/m)
  t.match(output, /^not ok - test\/cart\.test\.js > a cart knows its size > three$/m)
  t.match(output, /-3\s+\+2/)
  t.match(output, /the shelf fell down/)
})

t.test('all packages and examples with a .taprc run, one after another, and make a table', async (t) => {
  const root = await workspace(t, {
    cart: { tap: covering(93.456), settings: { coverageFloor: 90 } },
    'a-shop-of-some-size': { tap: green, group: 'examples' },
  })
  await mkdir(join(root, 'packages', 'no-suite'))
  const { passed, failed, output } = await run(root)
  t.match({ passed, failed }, { passed: 4, failed: 0 })
  t.match(
    output.replace(/\d+\.\d s,/g, '0.1 s,').replace(/\d+\.\d  /g, '0.1  '),
    `cart … 1 files, 2 assertions, 0 failed, 0.1 s, coverage 93.4 % (floor 90 %)
a-shop-of-some-size … 1 files, 2 assertions, 0 failed, 0.1 s, coverage unknown

suite                files  passed  failed  seconds  coverage
cart                     1       2       0      0.1  93.4 % (floor 90 %)
a-shop-of-some-size      1       2       0      0.1  unknown

`,
  )
})

t.test('packages are chosen by name, and an unknown one is refused with those there are', async (t) => {
  const root = await workspace(t, { cart: { tap: green }, shelf: { tap: 'exit 1' } })
  t.match(await run(root, { names: ['@shop/cart'] }), { passed: 2, failed: 0 })
  t.match(await run(root, { names: ['cart'] }), { passed: 2, failed: 0 })
  await t.rejects(run(root, { names: ['card'] }), { message: /card.*cart, shelf/ })
})

t.test('several suites at the same time write whole lines', async (t) => {
  const root = await workspace(t, { cart: { tap: green }, shelf: { tap: green }, till: { tap: green } })
  const { passed, output } = await run(root, { jobs: 2 })
  t.equal(passed, 6)
  t.equal(output.match(/^(cart|shelf|till) … 1 files/gm)?.length, 3)
})

t.test('side by side the suites with the largest budgets start first', async (t) => {
  const root = await workspace(t, {
    cart: { tap: green, settings: { minutes: 1 } },
    shelf: { tap: green, settings: { minutes: 3 } },
    till: { tap: `sleep 0.3; ${green}`, settings: { minutes: 2 } },
  })
  const { output } = await run(root, { jobs: 2 })
  t.match(output, /^shelf …[^\n]*\ncart …[^\n]*\ntill …/)
  t.match(output, /^cart .*\nshelf .*\ntill /m, 'the table is in the order of the names')
})

t.test('a check passes with exit code 0, and otherwise fails the run and says why', async (t) => {
  const root = await workspace(t, { cart: { tap: green } })
  const shell = (name: string, script: string): Check => ({ name, file: '/bin/sh', args: ['-c', script] })
  const { passed, failed, output } = await run(root, {
    checks: [shell('tidy', 'pwd'), shell('lint', 'echo no semicolons >&2; exit 2')],
  })
  t.match({ passed, failed }, { passed: 3, failed: 1 })
  t.match(output, /^tidy … passed, \d+\.\d s\nlint … failed, \d+\.\d s\nno semicolons\ncart … 1 files/)
  const missing = await run(root, { checks: [{ name: 'lint', file: '/no/such/linter', args: [] }] })
  t.equal(missing.failed, 1)
})

t.test('coverage below its floor, or none, fails the run', async (t) => {
  const root = await workspace(t, {
    cart: { tap: covering(89.99), settings: { coverageFloor: 90 } },
    shelf: {
      tap: green,
      settings: { coverageFloor: 90 },
      files: { '.tap/report/coverage-summary.json': JSON.stringify({ total: { lines: { pct: 100 } } }) },
    },
  })
  const { passed, failed, output } = await run(root)
  t.match({ passed, failed }, { passed: 4, failed: 2 })
  t.match(output, /Coverage is 89.99 %; its floor is 90 %/)
  t.match(output, /Coverage is unknown; its floor is 90 %/, 'an earlier run’s report is no report')
})

t.test('a suite longer than its budget fails', async (t) => {
  const root = await workspace(t, { cart: { tap: `${green}\nsleep 0.5`, settings: { minutes: 0.3 / 60 } } })
  const { failed, output } = await run(root)
  t.equal(failed, 1)
  t.match(output, /its budget is/)
})

t.test('a suite that hangs is ended after twice its budget, with all it started', async (t) => {
  const tap = `sleep 600 & echo "# sleeper $!"; ${green}\nwait`
  const root = await workspace(t, { cart: { tap, settings: { minutes: 0.3 / 60 } } })
  const { failed, output } = await run(root)
  t.equal(failed, 1)
  t.match(output, /It hung and was ended after 0.6 s/)
})

t.test('a suite that crashes fails, and what it said is there', async (t) => {
  const root = await workspace(t, {
    aborted: { tap: 'kill -9 $$' },
    broken: { tap: 'echo no such option >&2; exit 1' },
    late: { tap: `${green}\nexit 3` },
  })
  const { passed, failed, output } = await run(root)
  t.match({ passed, failed }, { passed: 2, failed: 3 })
  t.match(output, /ended by SIGKILL/)
  t.match(output, /stderr of broken:\n {2}no such option/)
  t.match(output, /It ended with exit code 3/)
})

t.test('a suite that cannot be started, or runs no test, fails', async (t) => {
  const root = await workspace(t, {
    empty: { tap: 'printf "TAP version 14\\n1..0 # no tests found\\n"' },
    missing: { tap: '' },
  })
  await chmod(join(root, 'packages/missing/node_modules/.bin/tap'), 0o644)
  const { failed, output } = await run(root)
  t.ok(failed >= 2)
  t.match(output, /It ran no test/)
  t.match(output, /could not be started/)
})
