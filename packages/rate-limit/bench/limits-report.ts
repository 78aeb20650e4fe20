import type { Scenario, Variant } from './limited-app.js'

/** Requests of one variant in one scenario, for each second that the server's process spent computing. */
export interface LimitsResult {
  readonly scenario: Scenario
  readonly variant: Variant
  readonly median: number
  /** The median of the requests for each second on the clock, which is what the machine made of it. */
  readonly medianOnTheClock: number
  /** The median over rounds of the ratio to the bare app in the same round. */
  readonly ofBare: number
  readonly samples: readonly number[]
}

/** A bar, and what of it was reached. */
export interface LimitsBar {
  readonly scenario: Scenario
  readonly against: Variant
  readonly atLeast: number
  readonly measured: number
}

/** What bench/results/limits.json holds. */
export interface LimitsResults {
  readonly benchmark: string
  readonly unit: string
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

const percent = (ratio: number): string => `${Math.round(ratio * 100)} %`

/** The README with the figures of these results between its marks. */
export function withLimitsFigures(readme: string, report: LimitsResults): string {
  const { results, rounds, secondsPerRound, connections, versions, machine } = report
  const names = [...new Set(results.map(({ variant }) => variant))].filter((name) => name !== 'bare')
  const cell = (scenario: Scenario, variant: Variant): string => {
    const found = results.find((each) => each.scenario === scenario && each.variant === variant)
    return found === undefined ? '' : percent(found.ofBare)
  }
  const inOrder = [...new Set(results.map(({ scenario }) => scenario))]
  const bare = results.filter(({ variant }) => variant === 'bare').map(({ median }) => median)
  const table = [
    `| share of what a bare app answers | ${inOrder.join(' | ')} |`,
    `| --- | ${inOrder.map(() => '---').join(' | ')} |`,
    ...names.map(
      (variant) => `| ${variant} | ${inOrder.map((scenario) => cell(scenario, variant)).join(' | ')} |`,
    ),
    '',
    `Requests that the server's process answers in a second of its computing time: that of the bare app is ${Math.min(...bare)} to ${Math.max(...bare)}. Medians of ${rounds} rounds of ${secondsPerRound} s in turns, ${connections} connections, server, Redis and load on one machine; Node ${versions['node'] ?? ''}, Redis ${versions['redis'] ?? ''}, Fastify ${versions['fastify'] ?? ''}, @fastify/rate-limit ${versions['@fastify/rate-limit'] ?? ''}, rate-limiter-flexible ${versions['rate-limiter-flexible'] ?? ''}, ${machine.cpus} cores.`,
  ].join('\n')
  const [from, to] = [readme.indexOf(begin), readme.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`The README has lost its marks: ${begin} … ${end}`)
  return `${readme.slice(0, from + begin.length)}\n\n${table}\n\n${readme.slice(to)}`
}
