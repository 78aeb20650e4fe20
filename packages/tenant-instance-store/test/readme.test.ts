import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'
import { withGetFigures, type GetResults } from '../bench-dist/get-report.js'
import { defaultOptions } from '../dist/options.js'

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8')
const readme = await read('../README.md')

/** Without the padding of its tables. */
function section(title: string): string {
  const start = readme.indexOf(`\n## ${title}\n`)
  return readme.slice(start, readme.indexOf('\n## ', start + 1)).replace(/ {2,}/g, ' ')
}

t.test('the quick starts are the apps that are tested, and short', async (t) => {
  for (const name of ['with-fastify-redis', 'without-redis']) {
    const app = await read(`../test/apps/${name}.ts`)
    t.ok(app.trimEnd().split('\n').length <= 15, `${name} is short`)
    t.ok(readme.includes(`\`\`\`ts\n${app}\`\`\``), `${name} stands in the README`)
  }
})

t.test('every option is listed with its default', async (t) => {
  const options = section('Options')
  for (const [name, value] of Object.entries(defaultOptions)) {
    const shown =
      typeof value === 'function'
        ? 'see below'
        : typeof value === 'string'
          ? `\`'${value}'\``
          : Array.isArray(value)
            ? 'none'
            : `\`${JSON.stringify(value)}\``
    const row = options.split('\n').find((line) => line.startsWith(`| \`${name}\` |`))
    t.ok(row?.includes(`| ${shown} |`), `${name}: ${shown}`)
  }
})

t.test('every error code has its heading', async (t) => {
  const codes = (await read('../src/errors.ts')).match(/STAY_INSTANCE_[A-Z_]+/g) ?? []
  for (const code of new Set(codes)) t.ok(section('Errors').includes(`\n### ${code}\n`), code)
})

t.test('every promise names a test that exists', async (t) => {
  const files = await readdir(new URL('../test/', import.meta.url))
  const rows = section('Guarantees and limits')
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .slice(2)
  t.ok(rows.length > 25, `${rows.length} promises`)
  for (const row of rows) {
    const [, file = '', name = ''] = /\| `([a-z-]+)`: (.+) \|$/.exec(row) ?? []
    const path = files.find((each) => each === `${file}.test.ts` || each === `${file}.ts`)
    if (path === undefined) {
      t.fail(`no test proves: ${row}`)
      continue
    }
    // At an end of a text, for names may be made of parts: a comment with these words is no test.
    const tests = await read(`../test/${path}`)
    const isTest = ["'", '"', '`'].some(
      (quote) => tests.includes(`${quote}${name}`) || tests.includes(`${name}${quote}`),
    )
    t.ok(isTest, name)
  }
})

t.test('the figures are those that were measured', async (t) => {
  const results = JSON.parse(await read('../bench/results/get.json')) as GetResults
  const unaligned = (text: string): string => text.replace(/ {2,}/g, ' ').replace(/-{3,}/g, '---')
  t.equal(unaligned(withGetFigures(readme, results)), unaligned(readme), 'pnpm bench mends it')
  const atBar = results.results.find(({ concurrency }) => concurrency === results.bar.concurrency)
  t.ok((atBar?.ratios.fromRedis ?? 0) >= results.bar.ratio, 'the bar is met')
})
