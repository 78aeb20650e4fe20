import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { startProcess, startRedisServer, type ManagedProcess } from '@stayfast/test-kit'
import autocannon from 'autocannon'
import { scenarios, variants, type Scenario, type Variant } from './limited-app.js'
import { withLimitsFigures, type LimitsBar, type LimitsResult, type LimitsResults } from './limits-report.js'

/**
 * What a rate limit costs: requests that an app with it answers in a second of its process's computing
 * time, against the same app without, in turns. Time on the clock is kept as well; on a machine that does
 * other things it tells of these.
 * Writes JSON to bench/results (medians, every sample, the versions) and the figures into the README.
 */
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 7)
const secondsPerRound = Number(process.env['BENCH_SECONDS'] ?? 3)
const connections = 100

const listening = /listening at (\S+)/

interface Sample {
  readonly perCpuSecond: number
  readonly perSecond: number
}

class Server {
  readonly #url: string
  readonly #process: ManagedProcess
  #asked = 0

  constructor(url: string, process: ManagedProcess) {
    this.#url = url
    this.#process = process
  }

  static async start(variant: Variant, scenario: Scenario, redisUrl: string): Promise<Server> {
    const process = await startProcess(new URL('server.js', import.meta.url), {
      args: [variant, scenario],
      env: { REDIS_URL: redisUrl },
      readyWhen: listening,
      timeoutMs: 60_000,
    })
    return new Server(listening.exec(await process.waitForLine(listening))?.[1] ?? '', process)
  }

  async run(duration: number, refused: boolean): Promise<Sample> {
    const before = await this.#cpuUs()
    const { requests, errors, timeouts, non2xx } = await autocannon({ url: this.#url, connections, duration })
    const cpuUs = (await this.#cpuUs()) - before
    if (errors + timeouts > 0) throw new Error(`${errors} errors, ${timeouts} timeouts`)
    if (non2xx < requests.total / 2 === refused)
      throw new Error(`${non2xx} of ${requests.total} were refused`)
    return {
      perCpuSecond: Math.round(requests.total / (cpuUs / 1e6)),
      perSecond: Math.round(requests.total / duration),
    }
  }

  stop(): Promise<void> {
    return this.#process.stop()
  }

  async #cpuUs(): Promise<number> {
    this.#asked += 1
    this.#process.signal('SIGUSR2')
    const line = await this.#process.waitForLine(new RegExp(`^cpu ${this.#asked}: `))
    return Number(/: (\d+) us/.exec(line)?.[1])
  }
}

function median(samples: readonly number[]): number {
  return [...samples].sort((one, other) => one - other)[Math.floor(samples.length / 2)] ?? NaN
}

const twoDigits = (ratio: number): number => Number(ratio.toFixed(2))

async function measure(scenario: Scenario, redisUrl: string): Promise<LimitsResult[]> {
  const servers = new Map<Variant, Server>()
  for (const variant of variants) servers.set(variant, await Server.start(variant, scenario, redisUrl))
  const samples = new Map<Variant, Sample[]>(variants.map((variant) => [variant, []]))
  for (let round = -1; round < rounds; round += 1) {
    // In turns, so that what else the machine does falls on all. The first round is for warming up.
    for (const [variant, server] of servers) {
      const refused = scenario === 'denied' && variant !== 'bare'
      const sample = await server.run(round < 0 ? 1 : secondsPerRound, refused)
      if (round >= 0) samples.get(variant)?.push(sample)
    }
  }
  await Promise.all([...servers.values()].map((server) => server.stop()))
  const bare = samples.get('bare') ?? []
  return [...samples].map(([variant, own]) => ({
    scenario,
    variant,
    median: median(own.map(({ perCpuSecond }) => perCpuSecond)),
    medianOnTheClock: median(own.map(({ perSecond }) => perSecond)),
    ofBare: twoDigits(
      median(own.map(({ perCpuSecond }, round) => perCpuSecond / (bare[round]?.perCpuSecond ?? NaN))),
    ),
    samples: own.map(({ perCpuSecond }) => perCpuSecond),
  }))
}

async function version(name: string): Promise<string> {
  const manifest: unknown = JSON.parse(
    await readFile(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8'),
  )
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : ''
}

const server = await startRedisServer()
const results: LimitsResult[] = []
for (const scenario of scenarios) results.push(...(await measure(scenario, server.url)))

function bar(scenario: Scenario, against: Variant, atLeast: number): LimitsBar {
  const of = (variant: Variant): LimitsResult | undefined =>
    results.find((each) => each.scenario === scenario && each.variant === variant)
  const other = of(against)?.samples ?? []
  const ratios = (of('stayfast')?.samples ?? []).map((sample, round) => sample / (other[round] ?? NaN))
  return { scenario, against, atLeast, measured: twoDigits(median(ratios)) }
}

const info = String(await server.command('info', 'server'))
const report: LimitsResults = {
  benchmark: 'an app with a rate limit against the same app without',
  unit: 'requests per second of computing time of the server',
  rounds,
  secondsPerRound,
  connections,
  bars: [
    bar('one hot key', 'bare', 0.85),
    bar('10,000 keys', '@fastify/rate-limit, Redis', 1),
    bar('denied', 'bare', 0.95),
  ],
  results,
  versions: {
    node: process.version,
    redis: /redis_version:(\S+)/.exec(info)?.[1] ?? '',
    fastify: await version('fastify'),
    ioredis: await version('ioredis'),
    '@fastify/rate-limit': await version('@fastify/rate-limit'),
    'rate-limiter-flexible': await version('rate-limiter-flexible'),
  },
  machine: { cpus: cpus().length, model: cpus()[0]?.model ?? '' },
}
const root = new URL('..', import.meta.url)
await mkdir(new URL('bench/results/', root), { recursive: true })
await writeFile(new URL('bench/results/limits.json', root), `${JSON.stringify(report, null, 2)}\n`)
const readme = new URL('README.md', root)
await writeFile(readme, withLimitsFigures(await readFile(readme, 'utf8'), report))
for (const { scenario, variant, median, ofBare } of results) console.log(scenario, variant, median, ofBare)
for (const { scenario, against, atLeast, measured } of report.bars) {
  console.log(`${scenario}: ${measured} × ${against}, the bar is ${atLeast}`)
}
await server.stop()
