import { type Report } from './report.js'

const begin = '<!-- figures of results/chaos.json, by pnpm chaos --record -->'
const end = '<!-- end of figures -->'

/** The README with the figures of this report between its marks. */
export function withChaosFigures(readme: string, report: Report): string {
  const rows = report.faults.map((result) => {
    const { byOutcome, outsideDetection, lost, stale, people, upAfterMs } = result
    const other = byOutcome.failed + byOutcome.rejected + byOutcome.unanswered
    const cells = [
      `${result.topology} \`${result.fault}\``,
      `${result.requests}`,
      `${byOutcome.refused}`,
      `${other}`,
      `${lost.redis + lost.buffered} of ${result.acknowledged.redis + result.acknowledged.buffered}`,
      `${result.wronglyUnknown}`,
      `${stale.own + stale.outside}`,
      `${byOutcome['signed-out']}`,
      people === null ? '' : `${people.departures.risen + people.departures.risenHere}`,
      people === null ? '' : `${people.admissions.admitted} of ${people.admissions.max}`,
      people === null ? '' : `${people.deliveries.lost}, ${people.deliveries.doubled}`,
      `${outsideDetection.p99Ms}`,
      upAfterMs === null ? 'never' : `${upAfterMs}`,
      result.bars.every(({ met }) => met)
        ? 'all'
        : result.bars.flatMap(({ name, met }) => (met ? [] : [name])).join('; '),
    ]
    return `| ${cells.join(' | ')} |`
  })
  const table = [
    '| fault | requests | documented 503 | other errors | writes lost | wrongly unknown | stale | signed out | risen | admitted | events lost, doubled | p99, ms | up after, ms | bars met |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|---|---|',
    ...rows,
    '',
    `Seed ${report.seed}, ${report.rate} requests a second to each of two processes, catalogue in ${report.database}, ` +
      `Node ${report.node}, ${report.processors} processors at load ${report.load}.`,
  ].join('\n')
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`The README has no ${begin} … ${end}.`)
  return `${readme.slice(0, from + begin.length)}\n\n${table}\n\n${readme.slice(to)}`
}
