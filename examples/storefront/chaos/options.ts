import { parseArgs } from 'node:util'
import { type Topology } from './faults/fault.js'

export interface ChaosOptions {
  /** Decides what is asked, when and of whom; the same seed asks the same again. */
  seed: number
  /** Names of faults; all when empty. */
  only: readonly string[]
  /** All when empty. */
  topologies: readonly Topology[]
  /** A few faults on one server, in a minute: what CI plays. */
  short: boolean
  /** Plays against a plain app instead of the storefront. */
  plain: boolean
  /** Requests a second, to each process. */
  rate: number
  /** How often the fault that is repeated is repeated. */
  cycles: number
  /** Where the report goes as JSON. */
  json: string | undefined
  /** Keeps the report as the one that the README shows. */
  record: boolean
  /** Folder for what the processes have logged, a file for each. */
  logs: string | undefined
}

export const usage = `Plays faults of Redis against two storefront processes under load, and reports what it cost.

  --only a,b            these faults alone
  --topology t          single, sentinel or cluster; several separated by commas; all by default
  --short               a few faults on a single server, in a minute
  --seed n              replays the plan of that seed; random by default
  --rate n              requests a second to each process; 50 by default
  --cycles n            repetitions of the fault "cycles"; 50 by default
  --plain               the same load against a plain app on @fastify/redis, for comparison
  --json file           writes the report there as well
  --record              keeps the report as the one that chaos/README.md shows
  --logs folder         keeps what the processes log there
  --help                shows this

Ends with exit code 1 when a bar is missed.
`

const defaults = Object.freeze({ rate: 50, cycles: 50, shortRate: 25 })
const topologies: readonly Topology[] = ['single', 'sentinel', 'cluster']

/**
 * Reads the command line; undefined when help is asked for.
 *
 * @throws a TypeError that names the option, for one that does not exist or cannot have its value
 */
export function readOptions(args: readonly string[]): ChaosOptions | undefined {
  const { values } = parseArgs({
    // `pnpm chaos -- --short` hands the dashes on.
    args: args.filter((arg) => arg !== '--'),
    options: {
      seed: { type: 'string' },
      only: { type: 'string' },
      topology: { type: 'string' },
      short: { type: 'boolean', default: false },
      plain: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      rate: { type: 'string' },
      cycles: { type: 'string' },
      json: { type: 'string' },
      logs: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return undefined
  return {
    seed: whole('seed', values.seed) ?? Math.floor(Math.random() * 0x1_0000_0000),
    only: list(values.only),
    topologies: list(values.topology).map(topology),
    short: values.short,
    plain: values.plain,
    rate: whole('rate', values.rate) ?? (values.short ? defaults.shortRate : defaults.rate),
    cycles: whole('cycles', values.cycles) ?? defaults.cycles,
    json: values.json,
    record: values.record,
    logs: values.logs,
  }
}

function list(value: string | undefined): string[] {
  return (value ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

function topology(name: string): Topology {
  const found = topologies.find((known) => known === name)
  if (found === undefined) throw new TypeError(`--topology is one of ${topologies.join(', ')}, not "${name}"`)
  return found
}

function whole(name: string, value: string | undefined): number | undefined {
  if (value === undefined) return undefined
  if (/^\d{1,10}$/.test(value)) return Number(value)
  throw new TypeError(`--${name} is a whole number, not "${value}"`)
}
