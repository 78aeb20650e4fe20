/** What is compared: nothing, what is usual, and this. */
export const stacks = ['bare', 'usual', 'stayfast'] as const
export type Stack = (typeof stacks)[number]

/** One run of one stack. */
export interface Sample {
  readonly perSecond: number
  /** Computing time of the server's process for one request, µs. */
  readonly cpuUs: number
  readonly p99Ms: number
}

/** What bench/results/whole-stack.json holds. */
export interface WholeStackResults {
  readonly benchmark: string
  readonly runs: number
  readonly secondsPerRun: number
  readonly connections: number
  /** The server had a core of its own. */
  readonly ownCore: boolean
  readonly samples: Readonly<Partial<Record<Stack, readonly Sample[]>>>
  /** Redis commands for one request. */
  readonly commands: Readonly<Partial<Record<Stack, number>>>
  readonly versions: Readonly<Record<string, string>>
  readonly machine: { readonly cpus: number; readonly model: string }
}

const begin = '<!-- figures of bench/results/whole-stack.json, by pnpm bench -->'
const end = '<!-- end of figures -->'

const titles: Readonly<Record<Stack, string>> = {
  bare: 'bare Fastify: no session, no limit, no cache',
  usual: '@fastify/session with a plain ioredis store, @fastify/rate-limit on Redis, bentocache',
  stayfast: '**Stayfast**: session, rate-limit, tagged-cache (`config.cache`)',
}

function median(values: readonly number[]): number {
  return [...values].sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? NaN
}

/** The median of one figure of a stack. */
export function medianOf({ samples }: WholeStackResults, stack: Stack, figure: keyof Sample): number {
  return median((samples[stack] ?? []).map((sample) => sample[figure]))
}

/** Requests that Stayfast answers as a multiple of another stack, by the clock and by computing time: medians over the runs. */
export function ratiosTo(
  { samples }: WholeStackResults,
  stack: Stack,
): { readonly byClock: number; readonly byCpu: number } {
  const pairs = (samples.stayfast ?? []).map((own, run) => ({ own, other: samples[stack]?.[run] }))
  const ratio = (of: (own: Sample, other: Sample) => number): number =>
    Number(median(pairs.map(({ own, other }) => (other === undefined ? NaN : of(own, other)))).toFixed(2))
  return {
    byClock: ratio((own, other) => own.perSecond / other.perSecond),
    byCpu: ratio((own, other) => other.cpuUs / own.cpuUs),
  }
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}

/** The README with the figures of these results between its marks, and the same for a terminal. */
export function withWholeStackFigures(
  readme: string,
  results: WholeStackResults,
): { readonly text: string; readonly lines: readonly string[] } {
  const { runs, secondsPerRun, connections, ownCore, versions, machine, commands } = results
  const [usual, bare] = [ratiosTo(results, 'usual'), ratiosTo(results, 'bare')]
  const rows = stacks.map((stack) => {
    const figure = (name: keyof Sample): string => String(medianOf(results, stack, name))
    const cells = [
      titles[stack],
      figure('perSecond'),
      figure('cpuUs'),
      figure('p99Ms'),
      commands[stack] ?? '',
    ]
    return `| ${cells.join(' | ')} |`
  })
  const { node = '', redis = '', ...packages } = versions
  const table = [
    '| | requests a second | CPU a request, µs | p99, ms | Redis commands a request |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    `Stayfast answers ${usual.byClock} × as many requests as the usual stack (${usual.byCpu} × by computing time), and ` +
      `${percent(bare.byClock)} of bare Fastify (${percent(bare.byCpu)} by computing time). Medians of ${runs} runs of ${secondsPerRun} s, load by wrk, ` +
      `with ${connections} connections of as many users, all from one address, in turns, each stack in a process of its own, ` +
      `${ownCore ? 'which has a core to itself, Redis and the client on another' : 'beside Redis and the client'}; ` +
      `Node ${node}, Redis ${redis}, ` +
      `${Object.entries(packages)
        .map(([name, version]) => `${name} ${version}`)
        .join(', ')}, ${machine.cpus} cores.`,
  ].join('\n')
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`The README has no ${begin} … ${end}.`)
  return { text: `${readme.slice(0, from + begin.length)}\n\n${table}\n\n${readme.slice(to)}`, lines: rows }
}
