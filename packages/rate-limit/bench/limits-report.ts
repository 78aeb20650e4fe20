import type { Scenario, Variant } from './limited-app.js'

/** One round of one variant. */
export interface Sample {
  /** Computing time of the server's process for one request, garbage collection included, µs. */
  readonly cpuUs: number
  /** Computing time of Redis for one request, µs. */
  readonly redisUs: number
  /** Requests per second on the clock, which is what the machine made of it. */
  readonly perSecond: number
}

/** One variant in one scenario. */
export interface LimitsResult {
  readonly scenario: Scenario
  readonly variant: Variant
  /** Medians over the rounds. */
  readonly median: Sample
  /** The median over rounds of the ratio to the bare app in the same round, by computing time of the server. */
  readonly ofBare: number
  /** The same on the clock. */
  readonly ofBareOnTheClock: number
  readonly samples: readonly Sample[]
}

/** A bar, and what of it was reached. */
export interface LimitsBar {
  readonly scenario: Scenario
  readonly against: Variant
  readonly atLeast: number
  readonly measured: number
  readonly measuredOnTheClock: number
}

/** What bench/results/limits.json holds. */
export interface LimitsResults {
  readonly benchmark: string
  readonly rounds: number
  readonly secondsPerRound: number
  readonly connections: number
  readonly bars: readonly LimitsBar[]
  readonly results: readonly LimitsResult[]
  readonly versions: Readonly<Record<string, string>>
  readonly machine: { readonly cpus: number; readonly model: string }
}

const begin = '<!-- figures of bench/results/limits.json, by pnpm bench -->'
const end = '<!-- end of figures -->'

export function median(samples: readonly number[]): number {
  return [...samples].sort((one, other) => one - other)[Math.floor(samples.length / 2)] ?? NaN
}

const percent = (ratio: number): string => `${Math.round(ratio * 100)} %`
const micros = (us: number): string => us.toFixed(us < 10 ? 1 : 0)

/** The README with the figures of these results between its marks. */
export function withLimitsFigures(readme: string, report: LimitsResults): string {
  const { results, rounds, secondsPerRound, connections, versions, machine } = report
  const names = [...new Set(results.map(({ variant }) => variant))]
  const inOrder = [...new Set(results.map(({ scenario }) => scenario))]
  const cell = (scenario: Scenario, variant: Variant): string => {
    const found = results.find((each) => each.scenario === scenario && each.variant === variant)
    if (found === undefined) return ''
    const { cpuUs, redisUs } = found.median
    return variant === 'bare'
      ? `${micros(cpuUs)} µs`
      : `${percent(found.ofBare)} · ${micros(cpuUs)} + ${micros(redisUs)} µs`
  }
  const row = (variant: Variant): string =>
    `| ${variant} | ${inOrder.map((scenario) => cell(scenario, variant)).join(' | ')} |`
  const table = [
    `| | ${inOrder.join(' | ')} |`,
    `| --- | ${inOrder.map(() => '---').join(' | ')} |`,
    ...names.map(row),
    '',
    `How much of a bare app's requests the server answers with the same computing time; then the computing time of a request, in the server's process and in Redis. "Denied" is against a bare route that answers the same refusal. Medians of ${rounds} rounds of ${secondsPerRound} s in turns, ${connections} connections, server, Redis and load on one machine; Node ${versions['node'] ?? ''}, Redis ${versions['redis'] ?? ''}, Fastify ${versions['fastify'] ?? ''}, @fastify/rate-limit ${versions['@fastify/rate-limit'] ?? ''}, rate-limiter-flexible ${versions['rate-limiter-flexible'] ?? ''}, ${machine.cpus} cores.`,
  ].join('\n')
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`The README has lost its marks: ${begin} … ${end}`)
  return `${readme.slice(0, from + begin.length)}\n\n${table}\n\n${readme.slice(to)}`
}
