import type { RedisLink } from '@stayfast/redis-kit'
import { performance } from 'node:perf_hooks'
import { AlarmBoard } from './alarms/alarm-board.js'
import { observeBudget, observeEventLoop, observeLink, type Holds } from './alarms/link-observations.js'
import { CheckRunner } from './checks/check-runner.js'
import type { NamedReport } from './reporting-plugins.js'
import type { CheckedOptions } from './options.js'
import { EventLoopDelay } from './sampling/event-loop-delay.js'
import { LinkSampler, type ServerSample } from './sampling/link-sampler.js'
import type {
  HealthDetails,
  HealthSnapshot,
  OverallStatus,
  Phase,
  PublicHealth,
  RedisDetails,
  ServerDetails,
} from './snapshot.js'
import { CommandMeter } from './usage/command-meter.js'

/** The part of a logger that is used here. */
export interface HealthLogger {
  info(message: string): void
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

/** What a {@link HealthMonitor} watches. */
export interface Watched {
  /** None where there is no Redis. */
  readonly links: readonly RedisLink[]
  readonly reports: () => readonly NamedReport[]
  /** What is known to live on the server of a link, beside what reports say. */
  readonly holds: (link: RedisLink) => Holds
}

/** Everything that is known about the app's health, kept up to date in the background. */
export class HealthMonitor {
  readonly checks: CheckRunner
  readonly loop: EventLoopDelay = new EventLoopDelay()
  readonly #options: CheckedOptions
  readonly #board: AlarmBoard
  readonly #startedMs = performance.now()
  #watched: Watched = { links: [], reports: () => [], holds: () => 'unknown' }
  #samplers: readonly LinkSampler[] = []
  #meter: CommandMeter | undefined
  #loopTimer: NodeJS.Timeout | undefined
  #started = false
  #warm = false
  #draining = false

  constructor(options: CheckedOptions, log: HealthLogger) {
    this.#options = options
    this.#board = new AlarmBoard(log)
    this.checks = new CheckRunner(options.checkEveryMs, log)
  }

  /** Begins to watch; resolves when the first samples are in, or cannot be had at once. */
  async start(watched: Watched): Promise<void> {
    const { sampleEveryMs, sampleBilledEveryMs, commandBudget } = this.#options
    this.#watched = watched
    const billed = watched.links.some(({ traits }) => traits.billedByCommand)
    if (billed || commandBudget !== false) {
      this.#meter = new CommandMeter(commandBudget === false ? undefined : commandBudget, watched.links)
    }
    this.#samplers = watched.links.map((link) => {
      const sampler: LinkSampler = new LinkSampler({
        link,
        everyMs: link.traits.billedByCommand ? sampleBilledEveryMs : sampleEveryMs,
        onSampled: () => {
          this.#observeLink(sampler)
        },
      })
      return sampler
    })
    this.loop.start()
    for (const sampler of this.#samplers) sampler.start()
    this.checks.start()
    this.#loopTimer = setInterval(() => {
      this.#observeProcess()
    }, sampleEveryMs)
    await Promise.all(this.#samplers.map((sampler) => sampler.sample()))
    this.#started = true
  }

  /** The app has done what it wants to do before traffic comes. */
  warmedUp(): void {
    this.#warm = true
  }

  drain(): void {
    this.#draining = true
  }

  stop(): void {
    this.#draining = true
    clearInterval(this.#loopTimer)
    this.loop.stop()
    this.checks.stop()
    this.#meter?.stop()
    for (const sampler of this.#samplers) sampler.stop()
  }

  /** Samples and runs the checks now. Never rejects. */
  async refresh(): Promise<void> {
    await Promise.all([this.checks.refresh(), ...this.#samplers.map((sampler) => sampler.sample())])
    this.#observeProcess()
  }

  get samplers(): readonly LinkSampler[] {
    return this.#samplers
  }

  get phase(): Phase {
    if (this.#draining) return 'draining'
    const waits = this.checks.results.some(({ critical, status }) => critical && status === 'pending')
    return this.#started && this.#warm && !waits ? 'ready' : 'starting'
  }

  /** What everybody may know: the state of the links now, and what was measured last. */
  get public(): PublicHealth {
    const redis = this.#redis()
    return { status: this.#overall(redis), redis }
  }

  get snapshot(): HealthSnapshot {
    return { ...this.public, details: this.#details() }
  }

  #redis(): PublicHealth['redis'] {
    const [first] = this.#samplers
    if (first === undefined) return { status: 'disabled', latency: null, connected: false }
    const connected = this.#samplers.every(({ link }) => link.status === 'up')
    const healthy = this.#samplers.every((sampler) => sampler.healthy)
    const latencyMs = first.last?.latencyMs
    return {
      status: healthy ? 'healthy' : 'unhealthy',
      latency: connected && latencyMs !== undefined ? `${Math.ceil(latencyMs)}ms` : null,
      connected,
    }
  }

  #overall(redis: PublicHealth['redis']): OverallStatus {
    const failed = this.checks.results.filter(({ status }) => status === 'fail')
    if (failed.some(({ critical }) => critical)) return 'failing'
    return failed.length > 0 || redis.status === 'unhealthy' ? 'degraded' : 'ok'
  }

  #details(): HealthDetails {
    return {
      phase: this.phase,
      uptimeSeconds: Math.round((performance.now() - this.#startedMs) / 1000),
      redis: this.#samplers.map(detailsOf),
      eventLoop: this.loop.last,
      alarms: this.#board.raised,
      checks: this.checks.results,
      plugins: Object.fromEntries(
        this.reports().map(({ decorator, report: { plugin, counts } }) => [decorator, { plugin, ...counts }]),
      ),
      usage: this.#meter?.usage,
    }
  }

  reports(): readonly NamedReport[] {
    return this.#watched.reports()
  }

  #observeLink(sampler: LinkSampler): void {
    for (const observation of observeLink(sampler, this.#holds(sampler.link), this.#options.thresholds)) {
      this.#board.observe(observation)
    }
  }

  #observeProcess(): void {
    const { thresholds } = this.#options
    const observations = [
      ...observeEventLoop(this.loop.take().p99Ms, thresholds),
      ...observeBudget(this.#meter?.usage.budgetUsed, thresholds),
    ]
    for (const observation of observations) this.#board.observe(observation)
  }

  /** Data beside a cache is what must not be lost. */
  #holds(link: RedisLink): Holds {
    const all = this.reports().flatMap(({ report }) => (report.link === link ? [report.holds] : []))
    all.push(...[this.#watched.holds(link)].filter((holds) => holds !== 'unknown'))
    if (all.includes('data')) return 'data'
    return all.includes('cache') ? 'cache' : 'unknown'
  }
}

function detailsOf({ link, last, window }: LinkSampler): RedisDetails {
  return {
    role: link.name,
    provider: link.traits.provider,
    link: link.status,
    refusal: last?.refusal,
    latencyMs: rounded(last?.latencyMs),
    loopBusyMs: rounded(last?.loopBusyMs),
    medianLatencyMs: rounded(window.medianMs),
    baselineLatencyMs: rounded(window.baselineMs),
    counters: link.counters,
    sampledAt: last?.at,
    servers: (last?.servers ?? []).map(serverDetailsOf),
  }
}

function serverDetailsOf({ info, rates }: ServerSample): ServerDetails {
  return {
    version: info.text('valkey_version') ?? info.text('redis_version'),
    mode: info.text('redis_mode') ?? info.text('server_mode'),
    role: info.text('role'),
    evictionPolicy: info.text('maxmemory_policy'),
    usedMemoryBytes: info.number('used_memory'),
    maxMemoryBytes: info.number('maxmemory'),
    connectedClients: info.number('connected_clients'),
    maxClients: info.number('maxclients'),
    ...rates,
  }
}

function rounded(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds * 100) / 100
}
