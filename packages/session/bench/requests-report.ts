/** One run of one subject. */
export interface Sample {
  readonly perSecond: number
  /** CPU of the server process for one request, µs. */
  readonly cpuUs: number
}

/** What bench/results/requests.json holds. */
export interface RequestResults {
  readonly benchmark: string
  readonly runs: number
  readonly secondsPerRun: number
  readonly connections: number
  /** What this plugin has to be, as a multiple of the plain store. */
  readonly bars: { readonly rolling: number; readonly notRolling: number }
  readonly samples: Readonly<Record<string, readonly Sample[]>>
  readonly versions: Readonly<Record<string, string>>
  readonly machine: { readonly cpus: number; readonly model: string }
}

const begin = '<!-- figures of bench/results/requests.json, by pnpm bench -->'
const end = '<!-- end of figures -->'

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN
}

/** Medians of a subject. */
export function medianOf({ samples }: RequestResults, subject: string): Sample {
  const all = samples[subject] ?? []
  return {
    perSecond: median(all.map(({ perSecond }) => perSecond)),
    cpuUs: median(all.map(({ cpuUs }) => cpuUs)),
  }
}

/** This plugin as a multiple of another subject: requests per second, run by run. */
export function ratioTo({ samples }: RequestResults, subject: string): number {
  const other = samples[subject] ?? []
  const ratios = (samples['ours'] ?? []).map(
    ({ perSecond }, run) => perSecond / (other[run]?.perSecond ?? NaN),
  )
  return Number(median(ratios).toFixed(2))
}

/** The README with the figures of these results between its marks, and the same for a terminal. */
export function withRequestFigures(
  readme: string,
  results: RequestResults,
): { readonly text: string | undefined; readonly lines: readonly string[] } {
  const { runs, secondsPerRun, connections, versions, machine } = results
  const rows = [
    ['bare Fastify', 'bare'],
    ['@fastify/session, plain ioredis store, rolling', 'plain, rolling'],
    ['the same, not rolling', 'plain, not rolling'],
    ['@stayfast/session', 'ours'],
  ].map(([title = '', subject = '']) => {
    const { perSecond, cpuUs } = medianOf(results, subject)
    const ratio = subject === 'ours' ? '' : `${ratioTo(results, subject)} ×`
    return `| ${title} | ${perSecond} | ${cpuUs} | ${ratio} |`
  })
  const table = [
    '| | requests a second | CPU a request, µs | @stayfast/session is |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    `Medians of ${runs} runs of ${secondsPerRun} s with ${connections} connections, in turns, each in a process of its own beside Redis and the client; Node ${versions['node'] ?? ''}, Redis ${versions['redis'] ?? ''}, @fastify/session ${versions['@fastify/session'] ?? ''}, ${machine.cpus} cores.`,
  ].join('\n')
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)]
  const text =
    from < 0 || to < from
      ? undefined
      : `${readme.slice(0, from + begin.length)}\n\n${table}\n\n${readme.slice(to)}`
  return { text, lines: rows }
}
