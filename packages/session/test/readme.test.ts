import { PackageReadme, unaligned } from '@stayfast/test-kit'
import t from 'tap'
import { ratioTo, withRequestFigures, type RequestResults } from '../bench-dist/requests-report.js'
import { defaultOptions } from '../dist/options.js'

const readme = await PackageReadme.of(import.meta.url)

t.test('the apps of the README are those that are tested, and the quick start is short', async (t) => {
  t.ok(await readme.shows('with-fastify-redis', 15))
  t.ok(await readme.shows('own-fastify-session'))
})

t.test('every option is listed with its default', async (t) => {
  t.strictSame(readme.wrongDefaults(defaultOptions), [])
})

t.test('every error code has its heading', async (t) => {
  t.strictSame(await readme.codesWithoutHeading('STAY_SESSION_'), [])
})

t.test('every promise names a test that exists', async (t) => {
  const { rows, missing } = await readme.proofs('Guarantees and limits')
  t.ok(rows > 20, `${rows} promises`)
  t.strictSame(missing, [])
})

t.test('the figures are those that were measured', async (t) => {
  const results = JSON.parse(await readme.read('bench/results/requests.json')) as RequestResults
  t.equal(
    unaligned(withRequestFigures(readme.text, results).text ?? ''),
    unaligned(readme.text),
    'pnpm bench mends it',
  )
  t.ok(ratioTo(results, 'plain, rolling') >= results.bars.rolling, 'the bar is met, rolling')
  t.ok(ratioTo(results, 'plain, not rolling') >= results.bars.notRolling, 'and not rolling')
})
