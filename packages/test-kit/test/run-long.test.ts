import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { longRuns } from '../dist/long-runs.js'
import type { LongPart } from '../dist/long/long-part.js'
import { properties } from '../dist/long/properties.js'
import { runLong } from '../dist/long/run-long.js'

/** The environment of a shell: tap tells its children that they are tests of it. */
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/TAP|^NODE_/.test(name)))

async function workspace(t: Test, files: Record<string, string>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), 'stayfast-long-'))
  t.teardown(() => rm(root, { recursive: true, force: true }))
  const all = {
    'packages/box/package.json': JSON.stringify({ name: '@shop/box', type: 'module', stayfast: {} }),
    ...files,
  }
  for (const [file, text] of Object.entries(all)) {
    await mkdir(dirname(join(root, file)), { recursive: true })
    await writeFile(join(root, file), text)
  }
  return root
}

async function run(
  root: string,
  parts: readonly LongPart[],
  wanted: readonly string[] = [],
): Promise<{ passed: boolean; output: string }> {
  let output = ''
  const write = (text: string): void => void (output += text)
  return { passed: await runLong({ root, parts, wanted, env, write }), output }
}

const part = (name: string, passed: boolean): LongPart => ({
  name,
  about: `does ${name}`,
  run: () => Promise.resolve([{ name: `${name} one`, passed, summary: 'seen', seconds: 1 }]),
})

t.test('the property tests run long, and their operations are counted', async (t) => {
  const root = await workspace(t, {
    'packages/box/test-dist/long.test.js': `
      // longRuns(
      console.log('    # operations: ' + (process.env.STAYFAST_LONG === '1' ? 1200 : 1))
      console.log('# operations: 34')`,
    'packages/box/test-dist/short.test.js': 'process.exit(1)',
  })
  const { passed, output } = await run(root, [properties])
  t.ok(passed)
  t.match(output, /box long: 1234 operations/)
  t.match(output, /1234 operations in all/)
  t.match(output, /\n1 passed, 0 failed in /)
})

t.test('a property that fails shows what it said', async (t) => {
  const root = await workspace(t, {
    'packages/box/test-dist/long.test.js': `
      // STAYFAST_LONG
      console.log('ok 1 - fine')
      console.log('not ok 2 - the counterexample')
      process.exit(1)`,
  })
  const { passed, output } = await run(root, [properties])
  t.notOk(passed)
  t.match(output, /✗ box long .*failed:\nnot ok 2 - the counterexample/)
})

t.test('parts can be chosen, and one that does not exist is told', async (t) => {
  const parts = [part('walk', true), part('swim', false)]
  t.match(await run('.', parts, ['walk']), {
    passed: true,
    output: /✓ walk one .*seen\n\n1 passed, 0 failed/,
  })
  t.match(await run('.', parts), { passed: false, output: /✗ swim one [^]*1 passed, 1 failed/ })
  await t.rejects(run('.', parts, ['fly']), { message: 'No part is called fly; there are walk, swim.' })
})

t.test('a part that finds nothing to do, or throws, has not passed', async (t) => {
  const nothing: LongPart = { name: 'idle', about: '', run: () => Promise.resolve([]) }
  t.match(await run('.', [nothing]), { passed: false, output: /there was nothing to run/ })
  const broken: LongPart = { name: 'broken', about: '', run: () => Promise.reject(new Error('Out of luck.')) }
  t.match(await run('.', [broken]), { passed: false, output: /Out of luck\./ })
})

t.test('runs are few, unless they may take long', (t) => {
  t.equal(longRuns({ short: 5, long: 500 }), 5)
  process.env['STAYFAST_LONG'] = '1'
  t.teardown(() => delete process.env['STAYFAST_LONG'])
  t.equal(longRuns({ short: 5, long: 500 }), 500)
  t.end()
})
