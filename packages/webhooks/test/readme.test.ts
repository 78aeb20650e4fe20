import { PackageReadme, unaligned } from '@stayfast/test-kit'
import t from 'tap'
import { withAcceptFigures, type AcceptResults } from '../bench-dist/accept-report.js'
import { defaultOptions } from '../dist/options.js'
import { hmacDefaults } from '../dist/providers/hmac.js'

const readme = await PackageReadme.of(import.meta.url)

t.test('the quick start is the app that is tested, and short', async (t) => {
  t.ok(await readme.shows('quick-start', 15))
})

t.test('every option is listed with its default', async (t) => {
  t.strictSame(readme.wrongDefaults(defaultOptions), [])
  const providers = readme.section('Providers')
  for (const name of Object.keys(hmacDefaults)) t.ok(providers.includes(`\`${name}\``), name)
})

t.test('every error code has its heading', async (t) => {
  t.strictSame(await readme.codesWithoutHeading('STAY_WEBHOOK_'), [])
})

t.test('every promise names a test that exists', async (t) => {
  const { rows, missing } = await readme.proofs('Guarantees and limits')
  t.ok(rows > 15, `${rows} promises`)
  t.strictSame(missing, [])
})

t.test('the figures are those that were measured', async (t) => {
  const results = JSON.parse(await readme.read('bench/results/accept.json')) as AcceptResults
  t.equal(unaligned(withAcceptFigures(readme.text, results)), unaligned(readme.text), 'pnpm bench mends it')
})
