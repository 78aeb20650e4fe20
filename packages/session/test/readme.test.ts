import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'
import { ratioTo, withRequestFigures, type RequestResults } from '../bench-dist/requests-report.js'
import { defaultOptions } from '../dist/options.js'

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8')
const readme = await read('../README.md')

/** Without the padding of its tables. */
function section(title: string): string {
  const start = readme.indexOf(`\n## ${title}\n`)
  return readme.slice(start, readme.indexOf('\n## ', start + 1)).replace(/ {2,}/g, ' ')
}

t.test('the apps of the README are those that are tested, and the quick start is short', async (t) => {
  for (const name of ['with-fastify-redis', 'own-fastify-session']) {
    t.ok(readme.includes(`\`\`\`ts\n${await read(`../test/apps/${name}.ts`)}\`\`\``), name)
  }
  t.ok((await read('../test/apps/with-fastify-redis.ts')).trimEnd().split('\n').length <= 15)
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
})

t.test('every error code has its heading', async (t) => {
  const codes = (await read('../src/errors.ts')).match(/STAY_SESSION_[A-Z_]+/g) ?? []
  for (const code of new Set(codes)) t.ok(section('Errors').includes(`\n### ${code}\n`), code)
})

t.test('every promise names a test that exists', async (t) => {
  const rows = [...section('Guarantees and limits').matchAll(/\| `([a-z-]+)`: (.+) \|$/gm)]
  const files = await readdir(new URL('../test/', import.meta.url))
  for (const [, file = '', name = ''] of rows) {
    const path = files.find((each) => each === `${file}.test.ts` || each === `${file}.ts`)
    if (path === undefined) t.fail(`there is no test ${file}`)
    else t.ok((await read(`../test/${path}`)).includes(name), name)
  }
  t.ok(rows.length > 20, `${rows.length} promises`)
})

t.test('the figures are those that were measured', async (t) => {
  const results = JSON.parse(await read('../bench/results/requests.json')) as RequestResults
  const unaligned = (text: string): string => text.replace(/ {2,}/g, ' ').replace(/-{3,}/g, '---')
  t.equal(unaligned(withRequestFigures(readme, results).text ?? ''), unaligned(readme), 'pnpm bench mends it')
  t.ok(ratioTo(results, 'plain, rolling') >= results.bars.rolling, 'the bar is met, rolling')
  t.ok(ratioTo(results, 'plain, not rolling') >= results.bars.notRolling, 'and not rolling')
})
