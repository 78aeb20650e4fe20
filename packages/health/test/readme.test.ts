import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'
import { defaultThresholds } from '../dist/alarms/thresholds.js'
import { defaultOptions } from '../dist/options.js'

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8')
const readme = await read('../README.md')

/** Without the padding of its tables. */
function section(title: string, level = '##'): string {
  const start = readme.indexOf(`\n${level} ${title}\n`)
  t.ok(start > 0, title)
  return readme.slice(start, readme.indexOf(`\n## `, start + 1)).replace(/ {2,}/g, ' ')
}

function shown(value: unknown): string {
  return typeof value === 'string' ? `\`'${value}'\`` : `\`${JSON.stringify(value)}\``
}

t.test('the quick starts are the apps that are tested, and short', async (t) => {
  for (const name of ['fresh-app', 'with-fastify-redis']) {
    const app = await read(`../test/apps/${name}.ts`)
    t.ok(app.trimEnd().split('\n').length <= 15, `${name} is short`)
    t.ok(readme.includes(`\`\`\`ts\n${app}\`\`\``), `${name} stands in the README`)
  }
})

t.test('every option and every threshold is listed with its default', async (t) => {
  const options = section('Options').split('\n')
  const words: Readonly<Record<string, string>> = { detailsFor: 'nobody', metricsFor: 'everybody' }
  for (const [name, value] of Object.entries(defaultOptions)) {
    const row = options.find((line) => line.startsWith(`| \`${name}\` |`))
    t.ok(row?.includes(`| ${words[name] ?? shown(value)} |`), name)
  }
  for (const [name, value] of Object.entries(defaultThresholds)) {
    t.ok(
      options.some((line) => line.startsWith(`| \`${name}\` | ${shown(value)} |`)),
      name,
    )
  }
})

t.test('every error code has its heading', async (t) => {
  const codes = (await read('../src/errors.ts')).match(/STAY_HEALTH_[A-Z_]+/g) ?? []
  for (const code of new Set(codes)) t.ok(section('Errors').includes(`\n### ${code}\n`), code)
})

t.test('every promise names a test that exists', async (t) => {
  const rows = section('Guarantees and limits').matchAll(/\| `([a-z-]+)`: (.+) \|$/gm)
  const files = await readdir(new URL('../test/', import.meta.url))
  let promises = 0
  for (const [, file = '', name = ''] of rows) {
    promises += 1
    t.ok(files.includes(`${file}.test.ts`), file)
    t.ok((await read(`../test/${file}.test.ts`)).includes(name), name)
  }
  t.ok(promises > 15, `${promises} promises`)
})

t.test('every metric of its own is listed', async (t) => {
  const names = (await read('../src/metrics/measurement.ts')).match(/'stayfast_[a-z_]+'/g) ?? []
  const metrics = section('Metrics')
  for (const name of new Set(names)) t.ok(metrics.includes(`\`${name.slice(1, -1)}\``), name)
})
