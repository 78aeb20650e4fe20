import { PackageReadme } from '@stayfast/test-kit'
import { readFile } from 'node:fs/promises'
import t from 'tap'
import { type WholeStackResults, withWholeStackFigures } from '../bench-dist/whole-stack-report.js'
import { type Report } from '../chaos-dist/report.js'
import { withChaosFigures } from '../chaos-dist/report-table.js'

const read = (path: string): Promise<string> => readFile(new URL(path, import.meta.url), 'utf8')
const unaligned = (text: string): string => text.replace(/ {2,}/g, ' ').replace(/-{3,}/g, '---')

t.test('the whole-stack figures are those that were measured', async (t) => {
  const results = JSON.parse(await read('../bench/results/whole-stack.json')) as WholeStackResults
  const readme = await read('../README.md')
  t.equal(unaligned(withWholeStackFigures(readme, results).text), unaligned(readme), 'pnpm bench mends it')
})

t.test('the table of faults is that of the recorded report, and all bars are met in it', async (t) => {
  const report = JSON.parse(await read('../chaos/results/chaos.json')) as Report
  const readme = await read('../chaos/README.md')
  t.equal(unaligned(withChaosFigures(readme, report)), unaligned(readme), 'pnpm chaos --record mends it')
  t.ok(report.faults.length >= 14, 'every fault of every topology')
  t.ok(report.passed)
})

t.test('every promise about the page names a test that exists', async (t) => {
  const readme = await PackageReadme.of(import.meta.url)
  const { rows, without, missing } = await readme.proofs('The page')
  t.ok(rows >= 10, `${rows} promises`)
  t.strictSame({ without, missing }, { without: [], missing: [] })
})
