import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { PackageReadme, unaligned } from '../dist/index.js'

const readme = `# A package

\`\`\`ts
const one = 1
const two = 2
\`\`\`

## Options

| name     | type     | default   |
| -------- | -------- | --------- |
| \`size\` | \`number\` | \`3\`   |
| \`mode\` | \`text\` | \`'off'\` |
| \`list\` | \`list\` | none      |
| \`who\`  | \`call\` | everybody |

## Promises

| promise | proof                                                     |
| ------- | --------------------------------------------------------- |
| one     | \`sums\`: one and one are two                             |
| two     | \`sums\`: nobody knows; \`sum-contract\`: all sums commute |
| three   | \`sums\`: said in a comment only                          |
| four    | nobody tries                                              |

## Errors

### STAY_SUM_TOO_LARGE
`

function packageIn(t: Test): Promise<PackageReadme> {
  const folder = t.testdir({
    'README.md': readme,
    src: { 'errors.ts': "'STAY_SUM_TOO_LARGE' 'STAY_SUM_ODD' 'STAY_SUM_ODD' 'STAY_OTHER'" },
    test: {
      apps: { 'two.ts': 'const one = 1\nconst two = 2\n', 'other.ts': 'const one = 2\n' },
      'sums.test.ts': "t.test('one and one are two')\n// And said in a comment only, too.\n",
      'sum-contract.ts': 't.test(`${name}: all sums commute`)\n',
    },
  })
  return PackageReadme.of(pathToFileURL(join(folder, 'test-dist/readme.test.js')).href)
}

t.test('an app is shown when it stands there as it is, and is short enough', async (t) => {
  const page = await packageIn(t)
  t.equal(await page.shows('two'), true)
  t.equal(await page.shows('two', 2), true)
  t.equal(await page.shows('two', 1), false)
  t.equal(await page.shows('other'), false)
})

t.test('defaults are shown as code, lists as none, and others in words', async (t) => {
  const page = await packageIn(t)
  const who = (): void => undefined
  t.strictSame(page.wrongDefaults({ size: 3, mode: 'off', list: [], who }, { who: 'everybody' }), [])
  t.strictSame(page.wrongDefaults({ size: 4, mode: 'on', more: true }), [
    'size: `4`',
    "mode: `'on'`",
    'more: `true`',
  ])
})

t.test('a code without a heading is named once, and codes of others are not asked for', async (t) => {
  t.strictSame(await (await packageIn(t)).codesWithoutHeading('STAY_SUM_'), ['STAY_SUM_ODD'])
})

t.test('a proof is a test with that name, not a comment with its words', async (t) => {
  const { rows, without, missing } = await (await packageIn(t)).proofs('Promises')
  t.equal(rows, 3)
  t.match(without, [/four/])
  t.strictSame(missing, ['`sums`: nobody knows', '`sums`: said in a comment only'])
})

t.test('a section that is not there is a mistake of the test', async (t) => {
  const page = await packageIn(t)
  t.throws(() => page.section('Nothing'), { message: 'The README has no section "Nothing".' })
})

t.test('how a table is aligned makes no difference', (t) => {
  t.equal(unaligned('| a   | b |\n| ----- | - |'), unaligned('| a | b |\n| --- | - |'))
  t.end()
})
