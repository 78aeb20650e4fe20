import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'
import { withLimitsFigures, type LimitsResults } from '../bench-dist/limits-report.js'
import { defaultOptions } from '../dist/options.js'

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8')
const readme = await read('../README.md')

/** Without the padding of its tables. */
function section(title: string): string {
  const start = readme.indexOf(`\n## ${title}\n`)
  return readme.slice(start, readme.indexOf('\n## ', start + 1)).replace(/ {2,}/g, ' ')
}

t.test('the quick start is the app that is tested, and short', async (t) => {
  const app = await read('../test/apps/with-fastify-redis.ts')
  t.ok(readme.includes(`\`\`\`ts\n${app}\`\`\``))
  t.ok(app.trimEnd().split('\n').length <= 15)
})

t.test('the recipes are code that is tested', async (t) => {
  const lines = (text: string): string =>
    text
      .split('\n')
      .map((line) => line.trim())
      .join('\n')
  const tested = lines(await read('../test/recipes.test.ts'))
  const recipes = [...section('Recipes').matchAll(/```ts\n([^`]+)```/g)].map(([, code = '']) => lines(code))
  t.ok(recipes.length > 5)
  for (const recipe of recipes) t.ok(tested.includes(recipe), recipe)
})

t.test('every option is listed with its default', async (t) => {
  const options = section('Options')
  for (const [name, value] of Object.entries(defaultOptions)) {
    const shown = Array.isArray(value)
      ? 'none'
      : typeof value === 'string'
        ? `\`'${value}'\``
        : `\`${JSON.stringify(value)}\``
    const row = options.split('\n').find((line) => line.startsWith(`| \`${name}\` |`))
    t.ok(row?.includes(`| ${shown} |`), `${name}: ${shown}`)
  }
  for (const [file, type] of [
    ['options', 'RateLimitOptions'],
    ['policy-options', 'PolicyOptions'],
  ] as const) {
    const source = (await read(`../src/${file}.ts`)).split(`interface ${type} `)[1]?.split('\n}')[0] ?? ''
    const names = [...source.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name ?? '')
    t.ok(names.length > 10)
    for (const name of names) t.match(options, `\`${name}\``, name)
  }
})

t.test('every error code has its heading', async (t) => {
  const codes = (await read('../src/errors.ts')).match(/STAY_RATE_[A-Z_]+/g) ?? []
  for (const code of new Set(codes)) t.ok(section('Errors').includes(`\n### ${code}\n`), code)
})

t.test('every promise names a test that exists', async (t) => {
  const rows = [...section('Guarantees and limits').matchAll(/\| `([a-z-]+)`: (.+) \|$/gm)]
  const files = await readdir(new URL('../test/', import.meta.url))
  for (const [, file = '', name = ''] of rows) {
    const path = files.find((each) => each === `${file}.test.ts` || each === `${file}.ts`)
    if (path === undefined) t.fail(`there is no test ${file}`)
    else t.ok((await read(`../test/${path}`)).includes(name), `${file}: ${name}`)
  }
  t.ok(rows.length > 20, `${rows.length} promises`)
})

t.test('the figures are those that were measured', async (t) => {
  const results = JSON.parse(await read('../bench/results/limits.json')) as LimitsResults
  const unaligned = (text: string): string => text.replace(/ {2,}/g, ' ').replace(/-{3,}/g, '---')
  t.equal(unaligned(withLimitsFigures(readme, results)), unaligned(readme), 'pnpm bench mends it')
})
