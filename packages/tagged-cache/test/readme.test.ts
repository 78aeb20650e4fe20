import { readdir, readFile } from 'node:fs/promises'
import t from 'tap'
import { withPeerFigures, type PeersReport } from '../bench-dist/peers-report.js'
import { defaultOptions } from '../dist/options.js'

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8')
const readme = await read('../README.md')

/** Without the padding of its tables. */
function section(title: string): string {
  const start = readme.indexOf(`\n## ${title}\n`)
  return readme.slice(start, readme.indexOf('\n## ', start + 1)).replace(/ {2,}/g, ' ')
}

t.test('the quick start is the app that is tested, and short', async (t) => {
  for (const name of ['with-fastify-redis', 'from-bentocache']) {
    const app = await read(`../test/apps/${name}.ts`)
    t.ok(readme.includes(`\`\`\`ts\n${app}\`\`\``), `${name} stands in the README`)
  }
})

t.test('every option is listed with its default', async (t) => {
  const options = section('Options')
  for (const [name, value] of Object.entries(defaultOptions)) {
    const shown = typeof value === 'string' ? `\`'${value}'\`` : `\`${JSON.stringify(value)}\``
    const row = options.split('\n').find((line) => line.startsWith(`| \`${name}\` |`))
    t.ok(row?.includes(`| ${shown} |`), `${name}: ${shown}`)
  }
  const source = (await read('../src/options.ts')).split('interface TaggedCacheOptions')[1] ?? ''
  const names = [...source.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name ?? '')
  for (const name of names) t.ok(readme.includes(`\`${name}\``), name)
})

t.test('every error code has its heading', async (t) => {
  const codes = (await read('../src/errors.ts')).match(/STAY_CACHE_[A-Z_]+/g) ?? []
  for (const code of new Set(codes)) t.ok(section('Errors').includes(`\n### ${code}\n`), code)
})

t.test('every promise and every failure names a test that exists', async (t) => {
  const files = await readdir(new URL('../test/', import.meta.url))
  for (const [title, least] of [
    ['Guarantees and limits', 15],
    ['When Redis fails', 20],
  ] as const) {
    const rows = section(title)
      .split('\n')
      .filter((line) => line.startsWith('| ') && !/^\| (promise|situation|---)/.test(line))
    t.ok(rows.length >= least, `${title}: ${rows.length}`)
    for (const row of rows) {
      const proofs = row.split('|').at(-2)?.trim().split('; `') ?? []
      for (const proof of proofs) {
        const [, file = '', name = ''] = /^`?([a-z-]+)`: (.+)$/.exec(proof) ?? []
        const path = files.find((each) => each === `${file}.test.ts` || each === `${file}.ts`)
        if (path === undefined) t.fail(`no proof: ${row}`)
        else t.ok((await read(`../test/${path}`)).includes(name), `${file}: ${name}`)
      }
    }
  }
})

t.test('the figures are those that were measured', async (t) => {
  const results = JSON.parse(await read('../bench/results/peers.json')) as PeersReport
  const unaligned = (text: string): string => text.replace(/ {2,}/g, ' ').replace(/-{3,}/g, '---')
  t.equal(unaligned(withPeerFigures(readme, results)), unaligned(readme), 'pnpm bench mends it')
})
