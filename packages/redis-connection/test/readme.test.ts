import { readFile } from 'node:fs/promises'
import t from 'tap'
import { withOutageTimes, type OutageTimes } from '../bench-dist/outage-times-report.js'
import { providerTable, type Provider } from '../dist/configuration/providers.js'
import { defaultOptions } from '../dist/options.js'
import { redisConfigErrorCodes } from '../dist/index.js'

const root = new URL('..', import.meta.url)
const read = (path: string): Promise<string> => readFile(new URL(path, root), 'utf8')

const seconds = (ms: number): string => `${ms / 1000} s`

function providerRow(provider: Provider): string {
  const { name, tls, verify, databases, heartbeatMs, connectTimeoutMs } = provider
  const certificate = tls === 'forbidden' ? '' : verify ? ', verified' : ', not verifiable'
  const cells = [
    name,
    `\`${provider.id}\``,
    `${tls}${certificate}`,
    databases === 'unknown' ? 'asked' : String(databases),
    heartbeatMs === false ? 'none' : seconds(heartbeatMs),
    `${seconds(connectTimeoutMs.boot)} / ${seconds(connectTimeoutMs.reconnect)}`,
  ]
  return `| ${cells.join(' | ')} |`
}

/** Prettier aligns tables; what they say does not depend on it. */
function unaligned(markdown: string): string {
  return markdown.replaceAll(/ *\| */g, '|').replaceAll(/-{3,}/g, '---')
}

t.test('the README lists the providers as the table has them', async (t) => {
  const readme = unaligned(await read('README.md'))
  for (const provider of providerTable)
    t.ok(readme.includes(unaligned(providerRow(provider))), providerRow(provider))
})

t.test('the README has a heading for each error code', async (t) => {
  const readme = await read('README.md')
  const codes = [
    ...redisConfigErrorCodes,
    'STAY_REDIS_NOT_CONFIGURED',
    'STAY_REDIS_NOT_UP',
    'STAY_REDIS_REQUIRED',
    'STAY_REDIS_UNAVAILABLE',
    'STAY_REDIS_REFUSED',
    'STAY_REDIS_MISUSE',
  ]
  for (const code of codes) t.ok(readme.includes(`\n#### ${code}\n`), code)
})

t.test('the README shows each default as it is', async (t) => {
  const readme = unaligned(await read('README.md'))
  for (const [name, value] of Object.entries<unknown>({ ...defaultOptions })) {
    const shown = typeof value === 'string' ? `'${value}'` : String(value)
    t.match(readme, new RegExp(`\\|\`${name}\`\\|[^|]+\\|\`${shown}\`\\|`), name)
  }
})

t.test('the README shows the figures of the last measurement', async (t) => {
  const readme = await read('README.md')
  const times = JSON.parse(await read('bench/results/outage-times.json')) as OutageTimes
  t.equal(unaligned(withOutageTimes(readme, times)), unaligned(readme), 'pnpm bench:render mends it')
  for (const { fault, noticedMs, backMs } of times.samples) {
    t.equal(noticedMs.length, times.trials)
    t.ok(Math.max(...noticedMs) <= times.bars.noticedMs, `${fault}: noticed`)
    t.ok(Math.max(...backMs) <= times.bars.backMs, `${fault}: up again`)
  }
})

t.test('every test file that the README names exists', async (t) => {
  const named = [...(await read('README.md')).matchAll(/`(test\/[\w./-]+\.ts)`/g)].map(
    ([, path = '']) => path,
  )
  t.ok(named.length > 10)
  for (const path of new Set(named)) await t.resolves(read(path), path)
})
