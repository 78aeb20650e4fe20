/** One side of the comparison: medians of all runs. */
export interface AcceptFigures {
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

/** What bench/results/accept.json holds. */
export interface AcceptResults {
  readonly benchmark: string
  readonly requestsPerRun: number
  readonly runs: number
  readonly concurrency: number
  readonly bodyBytes: number
  readonly bare: AcceptFigures
  readonly webhooks: AcceptFigures
  readonly duplicates: AcceptFigures
  readonly samples: Readonly<Record<string, readonly AcceptFigures[]>>
  readonly versions: Readonly<Record<string, string>>
  readonly machine: { readonly cpus: number; readonly model: string }
}

const begin = '<!-- figures of bench/results/accept.json, by pnpm bench -->'
const end = '<!-- end of figures -->'

/** The README with the figures of these results between its marks. */
export function withAcceptFigures(readme: string, results: AcceptResults): string {
  const { bare, webhooks, duplicates, runs, concurrency, bodyBytes, versions, machine } = results
  const row = (name: string, { perSecond, p50Ms, p99Ms }: AcceptFigures): string =>
    `| ${name} | ${perSecond} | ${(perSecond / bare.perSecond).toFixed(2)} × | ${p50Ms} ms | ${p99Ms} ms |`
  const table = [
    '| | per second | of bare | median | p99 |',
    '| --- | --- | --- | --- | --- |',
    row('a bare route: HMAC check and BullMQ `add`', bare),
    row('this package, new events', webhooks),
    row('this package, duplicates', duplicates),
    '',
    `Medians of ${runs} runs of ${results.requestsPerRun} requests, in turns, ${concurrency} at a time over the network; a body of ${bodyBytes} bytes; Node ${versions['node'] ?? ''}, Redis ${versions['redis'] ?? ''}, BullMQ ${versions['bullmq'] ?? ''}, ${machine.cpus} cores. The bare route knows no duplicates.`,
  ].join('\n')
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`The README has lost its marks: ${begin} … ${end}`)
  return `${readme.slice(0, from + begin.length)}\n\n${table}\n\n${readme.slice(to)}`
}
