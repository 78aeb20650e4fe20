import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import type { Check } from '../dist/suites/run-check.js'
import { eventually } from '../dist/index.js'
import { runSuites, type RunOptions, type RunTotals } from '../dist/suites/run-suites.js'
import { isAlive } from './is-alive.js'

/** The environment of a shell: tap tells its children that they are tests of it. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/TAP|^NODE_/.test(name)))

interface PackageFiles {
  settings?: object
  /** A program in the place of a test file. */
  program?: string
  files?: Record<string, string>
  group?: string
}

async function workspace(t: Test, packages: Record<string, PackageFiles>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'stayfast-workspace-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  for (const [name, { settings = {}, program, files = {}, group = 'packages' }] of Object.entries(packages)) {
    const folder = join(root, group, name)
    const all: Record<string, string> = {
      'package.json': JSON.stringify({ name: `@shop/${name}`, type: 'module', stayfast: settings }),
      ...(program === undefined ? {} : { 'test-dist/a.test.js': program }),
      ...files,
    }
    for (const [file, text] of Object.entries(all)) {
      await mkdir(dirname(join(folder, file)), { recursive: true })
      await writeFile(join(folder, file), text)
    }
    await mkdir(join(folder, 'node_modules'), { recursive: true })
    await symlink(resolve('node_modules/tap'), join(folder, 'node_modules', 'tap'))
  }
  return root
}

async function run(root: string, options: Partial<RunOptions> = {}): Promise<RunTotals & { output: string }> {
  let output = ''
  const totals = await runSuites({ root, env, write: (text) => void (output += text), ...options })
  return { ...totals, output }
}

const green = "console.log('TAP version 14\\nok 1 - is there\\nok 2 - is paid\\n1..2')"

/** A source of ten lines; the test runs nine of them, or all but that many. */
function covering(missed: number): Pick<PackageFiles, 'program' | 'files'> {
  const line = (index: number): string => `if (!sold) console.log('# ${index}')\n`
  const skipped = `function unused() {\n${'  // never\n'.repeat(missed - 2)}}\n`
  return {
    program: `${green}\nawait import('../dist/cart.js')`,
    files: { 'dist/cart.js': `const sold = true\n${line(1).repeat(99 - missed)}${skipped}` },
  }
}

t.test('a suite of tap’s is counted, with its coverage and its failures', async (t) => {
  const root = await workspace(t, {
    cart: {
      settings: { coverageFloor: 60 },
      files: {
        'dist/cart.js':
          'export function size(cart) {\n  if (!cart) {\n    return 0\n  }\n  return cart.length\n}\n',
        'test-dist/cart.test.js': `import t from 'tap'
import { size } from '../dist/cart.js'
t.test('a cart knows its size', async (t) => { t.equal(size([1]), 1); t.equal(size([1, 2]), 3, 'three') })`,
        'test-dist/crash.test.js': `import t from 'tap'
t.ok(true)
throw new Error('the shelf fell down')`,
      },
    },
  })
  const { passed, failed, output } = await run(root)
  t.match({ passed, failed }, { passed: 2, failed: 2 })
  t.match(output, /^cart … 2 files, 4 assertions, 2 failed, [\d.]+ s, coverage 6\d(\.\d)? % \(floor 60 %\)$/m)
  t.match(output, /^not ok - test-dist\/cart\.test\.js > a cart knows its size > three$/m)
  t.match(output, /-3\s+\+2/)
  t.match(output, /the shelf fell down/)
})

t.test(
  'all packages and examples that say how they are tested run, one after another, and make a table',
  async (t) => {
    const root = await workspace(t, {
      cart: { ...covering(7), settings: { coverageFloor: 90 } },
      'a-shop-of-some-size': { program: green, group: 'examples' },
    })
    await mkdir(join(root, 'packages', 'no-suite'))
    const { passed, failed, output } = await run(root)
    t.match({ passed, failed }, { passed: 4, failed: 0 })
    t.match(
      output.replace(/\d+\.\d s,/g, '0.1 s,').replace(/\d+\.\d  /g, '0.1  '),
      `cart … 1 files, 2 assertions, 0 failed, 0.1 s, coverage 93 % (floor 90 %)
a-shop-of-some-size … 1 files, 2 assertions, 0 failed, 0.1 s, coverage unknown

suite                files  passed  failed  seconds  coverage
cart                     1       2       0      0.1  93 % (floor 90 %)
a-shop-of-some-size      1       2       0      0.1  unknown

`,
    )
  },
)

t.test('packages are chosen by name, and an unknown one is refused with those there are', async (t) => {
  const root = await workspace(t, { cart: { program: green }, shelf: { program: 'process.exit(1)' } })
  t.match(await run(root, { names: ['@shop/cart'] }), { passed: 2, failed: 0 })
  t.match(await run(root, { names: ['cart'] }), { passed: 2, failed: 0 })
  await t.rejects(run(root, { names: ['card'] }), { message: /card.*cart, shelf/ })
})

t.test('several suites at the same time write whole lines', async (t) => {
  const root = await workspace(t, {
    cart: { program: green },
    shelf: { program: green },
    till: { program: green },
  })
  const { passed, output } = await run(root, { jobs: 2 })
  t.equal(passed, 6)
  t.equal(output.match(/^(cart|shelf|till) … 1 files/gm)?.length, 3)
})

t.test('side by side the suites with the largest budgets start first', async (t) => {
  const root = await workspace(t, {
    cart: { program: green, settings: { minutes: 1 } },
    shelf: { program: green, settings: { minutes: 3 } },
    till: {
      program: `await new Promise((resolve) => setTimeout(resolve, 3000))\n${green}`,
      settings: { minutes: 2 },
    },
  })
  const { output } = await run(root, { jobs: 2 })
  t.match(output, /^shelf …[^\n]*\ncart …[^\n]*\ntill …/)
  t.match(output, /^cart .*\nshelf .*\ntill /m, 'the table is in the order of the names')
})

t.test('a check passes with exit code 0, and otherwise fails the run and says why', async (t) => {
  const root = await workspace(t, { cart: { program: green } })
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
    cart: { ...covering(11), settings: { coverageFloor: 90 } },
    shelf: {
      program: green,
      settings: { coverageFloor: 90 },
      files: { '.tap/report/coverage-summary.json': JSON.stringify({ total: { lines: { pct: 100 } } }) },
    },
  })
  const { passed, failed, output } = await run(root)
  t.match({ passed, failed }, { passed: 4, failed: 2 })
  t.match(output, /Coverage is 89 %; its floor is 90 %/)
  t.match(output, /Coverage is unknown; its floor is 90 %/, 'an earlier run’s report is no report')
})

t.test('a suite longer than its budget says so, and passes: a slow machine is no failure', async (t) => {
  const program = `${green}\nsetTimeout(() => {}, ${Date.now() + 9500} - Date.now())`
  const root = await workspace(t, { cart: { program, settings: { minutes: 9 / 60 } } })
  const { failed, output } = await run(root)
  t.equal(failed, 0)
  t.match(output, /^cart … .* s \(over its budget of 0\.15 min\), coverage/m)
})

t.test('a suite that hangs is ended after twice its budget, with all it started', async (t) => {
  const program = `import { spawn } from 'node:child_process'
const { pid } = spawn('sleep', ['600'])
console.error('sleeper ' + pid)
${green}`
  const files = { 'test-dist/b.test.js': green }
  const root = await workspace(t, { cart: { program, files, settings: { minutes: 3 / 60 } } })
  const { failed, output } = await run(root)
  t.equal(failed, 2)
  t.match(output, /It hung and was ended after 6 s/)
  t.match(output, /^cart … 1 files/m, 'no file begins after it')
  const sleeper = Number(/sleeper (\d+)/.exec(output)?.[1])
  t.ok(sleeper > 0)
  await eventually(() => !isAlive(sleeper))
})

t.test('a file that crashes fails, what it said is there, and the others run', async (t) => {
  const root = await workspace(t, {
    aborted: { program: "process.kill(process.pid, 'SIGKILL')", files: { 'test-dist/b.test.js': green } },
    broken: { program: "console.error('no such option')\nprocess.exit(1)" },
    late: { program: `${green}\nprocess.exit(3)` },
  })
  const { passed, failed, output } = await run(root)
  t.match({ passed, failed }, { passed: 4, failed: 3 })
  t.match(output, /ended by SIGKILL/)
  t.match(output, /stderr of broken:\n {2}no such option/)
  t.match(output, /It ended with exit code 3/)
})

t.test('what the compiler left of a test that was taken away is not run', async (t) => {
  const failing = "console.log('TAP version 14\\nnot ok 1 - is gone\\n1..1')"
  const map = (source: string): string => JSON.stringify({ version: 3, sources: [source], mappings: '' })
  const root = await workspace(t, {
    cart: {
      files: {
        'test/kept.test.ts': '',
        'test-dist/kept.test.js': green,
        'test-dist/kept.test.js.map': map('../test/kept.test.ts'),
        'test-dist/renamed.test.js': failing,
        'test-dist/renamed.test.js.map': map('../test/renamed.test.ts'),
      },
    },
  })
  const { passed, failed, output } = await run(root)
  t.match({ passed, failed }, { passed: 2, failed: 0 })
  t.match(output, /^cart … 1 files?, 2 assertions/m)
})

t.test('a suite without tests fails, and so does a file that runs none', async (t) => {
  const root = await workspace(t, { empty: {}, silent: { program: "console.log('TAP version 14\\n1..0')" } })
  const { failed, output } = await run(root)
  t.equal(failed, 2)
  t.match(output, /empty > It has no test/)
  t.match(output, /test-dist\/a\.test\.js > It ran no test/)
})
