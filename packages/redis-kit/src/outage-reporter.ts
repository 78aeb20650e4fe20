import { performance } from 'node:perf_hooks'
import type { RedisLink } from './link.js'
import type { LinkState } from './link-state.js'

/** The part of a Fastify or pino logger that is used here. */
export interface OutageLogger {
  info(message: string): void
  warn(message: string): void
}

/** Options of {@link OutageReporter}. Times in milliseconds. */
export interface OutageReporterOptions {
  readonly logger: OutageLogger
  /** Says in one sentence what happened and what to do, without URL, user or password. */
  readonly describe: (cause: Error) => string
  /** Links that go within this time are told in one line; a shorter outage is not told at all. */
  readonly gatherMs?: number
  /** While a link is away a summary is written this often. */
  readonly summaryEveryMs?: number
}

const defaults = { gatherMs: 250, summaryEveryMs: 60_000 } as const satisfies Partial<OutageReporterOptions>

/** A link that flaps is told this often in one summary period; then the summary counts the rest. */
const toldPerPeriod = 2

/**
 * Tells an outage in few lines, however many links and requests it hits: one when Redis goes, a
 * summary each minute, one when it is back.
 *
 * ```
 *   quiet ── a link is not up for gatherMs ──► told ── all links are up ──► quiet
 *                  "Redis is away"           │     ▲      "Redis is back after"
 *                                            └─────┘
 *                                     "Redis is still away" each minute
 * ```
 */
export class OutageReporter {
  readonly #options: OutageReporterOptions
  readonly #links = new Map<RedisLink, () => void>()
  #awaySinceMs: number | undefined
  #told = false
  #toldCause = ''
  #toldThisPeriod = 0
  #untold = 0
  #refusedBefore = 0
  #gather: NodeJS.Timeout | undefined
  #summary: NodeJS.Timeout | undefined
  #period: NodeJS.Timeout | undefined

  constructor(options: OutageReporterOptions) {
    this.#options = options
  }

  /** Tells of this link from now on. A link that is connecting for the first time is waited for. */
  watch(link: RedisLink): void {
    if (this.#links.has(link)) return
    this.#links.set(
      link,
      link.onChange((state) => {
        this.#onChange(state)
      }),
    )
    this.#onChange(link.state)
  }

  /** Ends all reports and timers. */
  stop(): void {
    for (const unsubscribe of this.#links.values()) unsubscribe()
    this.#links.clear()
    clearTimeout(this.#gather)
    clearTimeout(this.#summary)
    clearTimeout(this.#period)
  }

  #away(): RedisLink[] {
    return [...this.#links.keys()].filter(({ status }) => status === 'down' || status === 'suspect')
  }

  #refused(): number {
    let refused = 0
    for (const link of this.#links.keys()) refused += link.counters.refused + link.counters.missed
    return refused
  }

  #onChange(state: LinkState): void {
    if (this.#away().length === 0) {
      this.#onAllBack()
      return
    }
    if (this.#awaySinceMs === undefined) {
      this.#awaySinceMs = performance.now()
      this.#refusedBefore = this.#refused()
      this.#gather = setTimeout(() => {
        this.#tellAway()
      }, this.#options.gatherMs ?? defaults.gatherMs)
      return
    }
    if (this.#told && state.status === 'down') this.#tellNewCause(state.cause)
  }

  #onAllBack(): void {
    clearTimeout(this.#gather)
    clearTimeout(this.#summary)
    if (this.#told) {
      this.#options.logger.info(`Redis is back after ${this.#awayFor()}: ${this.#names(this.#links.keys())}.`)
    }
    this.#told = false
    this.#toldCause = ''
    this.#awaySinceMs = undefined
  }

  #tellAway(): void {
    this.#startPeriod()
    if (this.#toldThisPeriod >= toldPerPeriod) {
      this.#untold += 1
      this.#scheduleSummary()
      return
    }
    this.#toldThisPeriod += 1
    this.#told = true
    const away = this.#away()
    this.#toldCause = this.#cause(away)
    this.#options.logger.warn(
      `Redis is away (${this.#names(away)}): ${this.#toldCause} The app keeps serving and goes on trying to reconnect.`,
    )
    this.#scheduleSummary()
  }

  /** An outage often changes its face, such as a host that is refused and then has no password set. */
  #tellNewCause(cause: Error): void {
    const described = this.#options.describe(cause)
    if (described === this.#toldCause || this.#toldThisPeriod >= toldPerPeriod) return
    this.#toldThisPeriod += 1
    this.#toldCause = described
    this.#options.logger.warn(`Redis is still away (${this.#names(this.#away())}): ${described}`)
  }

  #scheduleSummary(): void {
    clearTimeout(this.#summary)
    this.#summary = setTimeout(() => {
      this.#told = true
      const away = this.#away()
      const flapped = this.#untold === 0 ? '' : ` It came and went ${this.#untold} more times.`
      this.#untold = 0
      this.#options.logger.warn(
        `Redis is still away after ${this.#awayFor()} (${this.#names(away)}): ${this.#cause(away)} ` +
          `${this.#refused() - this.#refusedBefore} commands were refused or unanswered meanwhile.${flapped}`,
      )
      this.#scheduleSummary()
    }, this.#options.summaryEveryMs ?? defaults.summaryEveryMs)
  }

  #startPeriod(): void {
    if (this.#period !== undefined) return
    this.#period = setTimeout(() => {
      this.#period = undefined
      this.#toldThisPeriod = 0
      if (this.#untold > 0 && this.#away().length === 0) {
        this.#options.logger.warn(
          `Redis came and went ${this.#untold} more times in the last ${this.#seconds(this.#options.summaryEveryMs ?? defaults.summaryEveryMs)}.`,
        )
        this.#untold = 0
      }
    }, this.#options.summaryEveryMs ?? defaults.summaryEveryMs)
  }

  #cause(away: readonly RedisLink[]): string {
    for (const { state } of away) if ('cause' in state) return this.#options.describe(state.cause)
    return ''
  }

  #names(links: Iterable<RedisLink>): string {
    return [...new Set([...links].map(({ name }) => name))].join(', ')
  }

  #awayFor(): string {
    return this.#seconds(performance.now() - (this.#awaySinceMs ?? performance.now()))
  }

  #seconds(ms: number): string {
    return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`
  }
}
