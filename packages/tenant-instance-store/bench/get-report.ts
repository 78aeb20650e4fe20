/** One comparison, at so many reads at a time. */
export interface GetComparison {
  readonly concurrency: number
  /** Reads per second of a bare GET and JSON.parse. */
  readonly medianBare: number
  /** Medians, as multiples of the bare one. */
  readonly ratios: { readonly fromRedis: number; readonly fromMemory: number }
  readonly samples: Readonly<Record<string, readonly number[]>>
}

/** What bench/results/get.json holds. */
export interface GetResults {
  readonly benchmark: string
  readonly unit: string
  readonly readsPerRun: number
  readonly runs: number
  readonly documentBytes: number
  readonly bar: { readonly concurrency: number; readonly ratio: number }
  readonly results: readonly GetComparison[]
  readonly versions: Readonly<Record<string, string>>
  readonly machine: { readonly cpus: number; readonly model: string }
}

const begin = '<!-- figures of bench/results/get.json, by pnpm bench -->'
const end = '<!-- end of figures -->'

/** The README with the figures of these results between its marks. */
export function withGetFigures(
  readme: string,
  { results, runs, documentBytes, versions, machine }: GetResults,
): string {
  const rows = results.map(
    ({ concurrency, ratios }) => `| ${concurrency} | ${ratios.fromRedis} × | ${ratios.fromMemory} × |`,
  )
  const table = [
    '| reads at a time | `get`, asking Redis | `get`, from memory |',
    '| --- | --- | --- |',
    ...rows,
    '',
    `Multiples of a bare \`GET\` and \`JSON.parse\` by ioredis in the same run; medians of ${runs} runs, a document of ${documentBytes} bytes, Node ${versions['node'] ?? ''}, Redis ${versions['redis'] ?? ''}, ${machine.cpus} cores.`,
  ].join('\n')
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`The README has lost its marks: ${begin} … ${end}`)
  return `${readme.slice(0, from + begin.length)}\n\n${table}\n\n${readme.slice(to)}`
}
