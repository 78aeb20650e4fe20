import { PackageReadme } from '@stayfast/test-kit'
import t from 'tap'
import { defaultThresholds } from '../dist/alarms/thresholds.js'
import { defaultOptions } from '../dist/options.js'

const readme = await PackageReadme.of(import.meta.url)

t.test('the quick starts are the apps that are tested, and short', async (t) => {
  for (const app of ['fresh-app', 'with-fastify-redis']) t.ok(await readme.shows(app, 15), app)
})

t.test('every option and every threshold is listed with its default', async (t) => {
  const words = { detailsFor: 'nobody', metricsFor: 'everybody' }
  t.strictSame(readme.wrongDefaults(defaultOptions, words), [])
  const options = readme.section('Options')
  for (const [name, value] of Object.entries<unknown>({ ...defaultThresholds })) {
    const shown = typeof value === 'string' ? `'${value}'` : String(value)
    t.ok(options.includes(`\n| \`${name}\` | \`${shown}\` |`), name)
  }
})

t.test('every error code has its heading', async (t) => {
  t.strictSame(await readme.codesWithoutHeading('STAY_HEALTH_'), [])
})

t.test('every promise names a test that exists', async (t) => {
  const { rows, missing } = await readme.proofs('Guarantees and limits')
  t.ok(rows > 15, `${rows} promises`)
  t.strictSame(missing, [])
})

t.test('every metric of its own is listed', async (t) => {
  const names = (await readme.read('src/metrics/measurement.ts')).match(/'stayfast_[a-z_]+'/g) ?? []
  const metrics = readme.section('Metrics')
  for (const name of new Set(names)) t.ok(metrics.includes(`\`${name.slice(1, -1)}\``), name)
})
