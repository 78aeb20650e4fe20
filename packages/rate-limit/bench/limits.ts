import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { startProcess, startRedisServer, type ManagedProcess } from '@stayfast/test-kit'
import autocannon from 'autocannon'
import { scenarios, variants, type Scenario, type Variant } from './limited-app.js'
import {
  median,
  withLimitsFigures,
  type LimitsBar,
  type LimitsResult,
  type LimitsResults,
  type Sample,
} from './limits-report.js'

/**
 * What a rate limit costs: the computing time that an app's process takes for a request, against the same
 * app without a limit, in turns. Time on the clock is kept as well; on a machine that does other things it
 * tells of these. The load comes from another process and is counted nowhere.
 * Writes JSON to bench/results (medians, every sample, the versions) and the figures into the README.
 */
const rounds = Number(process.env['BENCH_ROUNDS'] ?? 15)
const secondsPerRound = Number(process.env['BENCH_SECONDS'] ?? 1)
const only = process.env['BENCH_ONLY']?.split(';')
const warmUpSeconds = 2
const connections = 100

const listening = /listening at (\S+)/
const redis = await startRedisServer()

async function redisCpuUs(): Promise<number> {
  const info = String(await redis.command('info', 'cpu'))
  const seconds = (name: string): number => Number(new RegExp(`${name}:(\\S+)`).exec(info)?.[1])
  return (seconds('used_cpu_user') + seconds('used_cpu_sys')) * 1e6
}

class Server {
  readonly #url: string
  readonly #process: ManagedProcess
  #asked = 0

  constructor(url: string, process: ManagedProcess) {
    this.#url = url
    this.#process = process
  }

  static async start(variant: Variant, scenario: Scenario): Promise<Server> {
    const process = await startProcess(new URL('server.js', import.meta.url), {
      args: [variant, scenario],
      env: { REDIS_URL: redis.url, NODE_ENV: 'production' },
      readyWhen: listening,
      timeoutMs: 60_000,
    })
    return new Server(listening.exec(await process.waitForLine(listening))?.[1] ?? '', process)
  }

  async run(duration: number, refused: boolean): Promise<Sample> {
    const [cpuBefore, redisBefore] = [await this.#cpuUs(), await redisCpuUs()]
    const { requests, errors, timeouts, non2xx } = await autocannon({ url: this.#url, connections, duration })
    const [cpuAfter, redisAfter] = [await this.#cpuUs(), await redisCpuUs()]
    if (errors + timeouts > 0) throw new Error(`${errors} errors, ${timeouts} timeouts`)
    // The machine had no time for anybody: that says nothing.
    if (requests.total === 0) return this.run(duration, refused)
    if (non2xx < requests.total / 2 === refused)
      throw new Error(`${non2xx} of ${requests.total} were refused`)
    const perRequest = (us: number): number => Number((us / requests.total).toFixed(2))
    return {
      cpuUs: perRequest(cpuAfter - cpuBefore),
      redisUs: perRequest(redisAfter - redisBefore),
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

const twoDigits = (ratio: number): number => Number(ratio.toFixed(2))

/** Of two variants that took turns: by computing time of the server, and on the clock. */
function ratios(own: readonly Sample[], other: readonly Sample[]): { cpu: number; clock: number } {
  const of = (ratio: (one: Sample, two: Sample) => number): number =>
    twoDigits(
      median(
        own.flatMap((sample, round) => {
          const against = other[round]
          return against === undefined ? [] : [ratio(sample, against)]
        }),
      ),
    )
  return {
    cpu: of((one, two) => two.cpuUs / one.cpuUs),
    clock: of((one, two) => one.perSecond / two.perSecond),
  }
}

async function measure(scenario: Scenario): Promise<LimitsResult[]> {
  const servers = new Map<Variant, Server>()
  for (const variant of variants) {
    if (only?.includes(variant) !== false) servers.set(variant, await Server.start(variant, scenario))
  }
  const samples = new Map<Variant, Sample[]>()
  for (let round = -1; round < rounds; round += 1) {
    // In turns, so that what else the machine does falls on all. The first round is for warming up.
    for (const [variant, server] of servers) {
      const sample = await server.run(round < 0 ? warmUpSeconds : secondsPerRound, scenario === 'denied')
      if (round >= 0) samples.set(variant, [...(samples.get(variant) ?? []), sample])
    }
  }
  await Promise.all([...servers.values()].map((server) => server.stop()))
  return [...samples].map(([variant, own]) => {
    const { cpu, clock } = ratios(own, samples.get('bare') ?? [])
    return {
      scenario,
      variant,
      median: {
        cpuUs: median(own.map(({ cpuUs }) => cpuUs)),
        redisUs: median(own.map(({ redisUs }) => redisUs)),
        perSecond: median(own.map(({ perSecond }) => perSecond)),
      },
      ofBare: cpu,
      ofBareOnTheClock: clock,
      samples: own,
    }
  })
}

async function version(name: string): Promise<string> {
  const manifest: unknown = JSON.parse(
    await readFile(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8'),
  )
  return typeof manifest === 'object' && manifest !== null && 'version' in manifest
    ? String(manifest.version)
    : ''
}

const results: LimitsResult[] = []
for (const scenario of scenarios) results.push(...(await measure(scenario)))

function bar(scenario: Scenario, against: Variant, atLeast: number): LimitsBar {
  const of = (variant: Variant): readonly Sample[] =>
    results.find((each) => each.scenario === scenario && each.variant === variant)?.samples ?? []
  const { cpu, clock } = ratios(of('stayfast'), of(against))
  return { scenario, against, atLeast, measured: cpu, measuredOnTheClock: clock }
}

const info = String(await redis.command('info', 'server'))
const report: LimitsResults = {
  benchmark: 'an app with a rate limit against the same app without',
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
if (only === undefined) {
  const root = new URL('..', import.meta.url)
  await mkdir(new URL('bench/results/', root), { recursive: true })
  await writeFile(new URL('bench/results/limits.json', root), `${JSON.stringify(report, null, 2)}\n`)
  const readme = new URL('README.md', root)
  await writeFile(readme, withLimitsFigures(await readFile(readme, 'utf8'), report))
}
for (const { scenario, variant, median, ofBare, ofBareOnTheClock } of results) {
  console.log(scenario, variant, median, ofBare, ofBareOnTheClock)
}
for (const each of report.bars) console.log(each)
await redis.stop()
