import { readFile, writeFile } from 'node:fs/promises'
import { withOutageTimes, type OutageTimes } from './outage-times-report.js'

/** Writes the figures of bench/results into the README. */
const root = new URL('..', import.meta.url)
const readme = new URL('README.md', root)
const times = JSON.parse(
  await readFile(new URL('bench/results/outage-times.json', root), 'utf8'),
) as OutageTimes
await writeFile(readme, withOutageTimes(await readFile(readme, 'utf8'), times))
