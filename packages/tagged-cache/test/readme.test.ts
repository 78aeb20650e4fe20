import { PackageReadme, unaligned } from '@stayfast/test-kit'
import t from 'tap'
import { withPeerFigures, type PeersReport } from '../bench-dist/peers-report.js'
import { defaultOptions } from '../dist/options.js'

const readme = await PackageReadme.of(import.meta.url)

t.test('the quick start is the app that is tested, and short', async (t) => {
  for (const app of ['with-fastify-redis', 'from-bentocache']) t.ok(await readme.shows(app), app)
})

t.test('every option is listed with its default', async (t) => {
  t.strictSame(readme.wrongDefaults(defaultOptions), [])
  const source = (await readme.read('src/options.ts')).split('interface TaggedCacheOptions')[1] ?? ''
  const names = [...source.matchAll(/^ {2}readonly (\w+)\?:/gm)].map(([, name]) => name ?? '')
  for (const name of names) t.ok(readme.text.includes(`\`${name}\``), name)
})

t.test('every error code has its heading', async (t) => {
  t.strictSame(await readme.codesWithoutHeading('STAY_CACHE_'), [])
})

t.test('every promise and every failure names a test that exists', async (t) => {
  for (const [title, least] of [
    ['Guarantees and limits', 15],
    ['When Redis fails', 20],
  ] as const) {
    const { rows, without, missing } = await readme.proofs(title)
    t.ok(rows >= least, `${title}: ${rows}`)
    t.strictSame({ without, missing }, { without: [], missing: [] }, title)
  }
})

t.test('the figures are those that were measured', async (t) => {
  const results = JSON.parse(await readme.read('bench/results/peers.json')) as PeersReport
  t.equal(unaligned(withPeerFigures(readme.text, results)), unaligned(readme.text), 'pnpm bench mends it')
})
