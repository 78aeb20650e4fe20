import { PackageReadme, unaligned } from '@stayfast/test-kit'
import t from 'tap'
import { withLimitsFigures, type LimitsResults } from '../bench-dist/limits-report.js'
import { defaultOptions } from '../dist/options.js'

const readme = await PackageReadme.of(import.meta.url)

t.test('the quick start is the app that is tested, and short', async (t) => {
  t.ok(await readme.shows('with-fastify-redis', 15))
})

t.test('the recipes are code that is tested', async (t) => {
  const lines = (text: string): string =>
    text
      .split('\n')
      .map((line) => line.trim())
      .join('\n')
  const tested = lines(await readme.read('test/recipes.test.ts'))
  const recipes = [...readme.section('Recipes').matchAll(/```ts\n([^`]+)```/g)].map(([, code = '']) =>
    lines(code),
  )
  t.ok(recipes.length > 5)
  for (const recipe of recipes) t.ok(tested.includes(recipe), recipe)
})

t.test('every option is listed with its default', async (t) => {
  t.strictSame(readme.wrongDefaults(defaultOptions), [])
  const options = readme.section('Options')
  for (const [file, type] of [
    ['options', 'RateLimitOptions'],
    ['policy-options', 'PolicyOptions'],
  ] as const) {
    const source = (await readme.read(`src/${file}.ts`)).split(`interface ${type} `)[1]?.split('\n}')[0] ?? ''
    const names = [...source.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name ?? '')
    t.ok(names.length > 10)
    for (const name of names) t.match(options, `\`${name}\``, name)
  }
})

t.test('every error code has its heading', async (t) => {
  t.strictSame(await readme.codesWithoutHeading('STAY_RATE_'), [])
})

t.test('every promise names a test that exists', async (t) => {
  const { rows, missing } = await readme.proofs('Guarantees and limits')
  t.ok(rows > 20, `${rows} promises`)
  t.strictSame(missing, [])
})

t.test('the figures are those that were measured', async (t) => {
  const results = JSON.parse(await readme.read('bench/results/limits.json')) as LimitsResults
  t.equal(unaligned(withLimitsFigures(readme.text, results)), unaligned(readme.text), 'pnpm bench mends it')
})
