import { PackageReadme, unaligned } from '@stayfast/test-kit'
import t from 'tap'
import { withGetFigures, type GetResults } from '../bench-dist/get-report.js'
import { defaultOptions } from '../dist/options.js'

const readme = await PackageReadme.of(import.meta.url)

t.test('the quick starts are the apps that are tested, and short', async (t) => {
  for (const app of ['with-fastify-redis', 'without-redis']) t.ok(await readme.shows(app, 15), app)
})

t.test('every option is listed with its default', async (t) => {
  t.strictSame(readme.wrongDefaults(defaultOptions, { instanceIdFrom: 'see below' }), [])
})

t.test('every error code has its heading', async (t) => {
  t.strictSame(await readme.codesWithoutHeading('STAY_INSTANCE_'), [])
})

t.test('every promise names a test that exists', async (t) => {
  const { rows, without, missing } = await readme.proofs('Guarantees and limits')
  t.ok(rows > 25, `${rows} promises`)
  t.strictSame({ without, missing }, { without: [], missing: [] })
})

t.test('the figures are those that were measured', async (t) => {
  const results = JSON.parse(await readme.read('bench/results/get.json')) as GetResults
  t.equal(unaligned(withGetFigures(readme.text, results)), unaligned(readme.text), 'pnpm bench mends it')
  const atBar = results.results.find(({ concurrency }) => concurrency === results.bar.concurrency)
  t.ok((atBar?.ratios.fromRedis ?? 0) >= results.bar.ratio, 'the bar is met')
})
