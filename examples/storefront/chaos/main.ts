import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { startCatalogueServer } from './catalogue-server.js'
import { chooseFaults } from './faults/choose-faults.js'
import { type Fault } from './faults/fault.js'
import { type FaultResult, faultResult } from './fault-result.js'
import { type ChaosOptions, readOptions, usage } from './options.js'
import { Progress } from './progress.js'
import { faultText, makeReport, type Report, summaryText } from './report.js'
import { withChaosFigures } from './report-table.js'
import { fullPace, play, shortPace } from './scenario.js'
import { seedFor } from './seed-for.js'

try {
  const options = readOptions(process.argv.slice(2))
  if (options === undefined) process.stdout.write(usage)
  else process.exitCode = await run(options, chooseFaults(options))
} catch (error) {
  if (!(error instanceof TypeError)) throw error
  process.stderr.write(`${error.message}\n\n${usage}`)
  process.exitCode = 2
}

/** Plays the faults one after another; the exit code. */
async function run(options: ChaosOptions, faults: readonly Fault[]): Promise<number> {
  const { seed, rate, cycles, short, plain, json, record, logs } = options
  const app = plain ? 'plain' : 'storefront'
  const say = (text: string): void => void process.stdout.write(`${text}\n`)
  say(`seed ${seed}: ${faults.length} faults against two processes of the ${app} app`)

  const results: FaultResult[] = []
  const catalogue = await startCatalogueServer()
  try {
    for (const fault of faults) {
      const settings = {
        app,
        databaseUrl: catalogue.url,
        seed: seedFor(seed, `${fault.topology} ${fault.name}`),
        rate,
        cycles,
        pace: short ? shortPace : fullPace,
        logs,
      } as const
      const seen = await play(
        fault,
        settings,
        new Progress(`${fault.topology} ${fault.name}`, process.stdout),
      )
      const result = faultResult(seen)
      results.push(result)
      say(`\n${faultText(result)}\n`)
    }
  } finally {
    await catalogue.stop()
  }

  const report = makeReport({ app, seed, rate, database: catalogue.kind }, results)
  say(summaryText(report))
  if (json !== undefined) await writeFile(json, `${JSON.stringify(report, undefined, 2)}\n`)
  if (record) await keep(report)
  // A comparison is no test of somebody else's way.
  return report.passed || plain ? 0 : 1
}

/** In the sources, beside the README that shows it. */
async function keep(report: Report): Promise<void> {
  const folder = new URL('../chaos/', import.meta.url)
  await mkdir(new URL('results/', folder), { recursive: true })
  await writeFile(new URL('results/chaos.json', folder), `${JSON.stringify(report, undefined, 2)}\n`)
  const readme = new URL('README.md', folder)
  await writeFile(readme, withChaosFigures(await readFile(readme, 'utf8'), report))
}
