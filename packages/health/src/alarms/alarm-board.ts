import { Threshold, type ThresholdLimits } from './threshold.js'

/** What an alarm is about. */
export type AlarmName =
  | 'memory'
  | 'latency'
  | 'clients'
  | 'evictions'
  | 'hit-ratio'
  | 'cpu'
  | 'eviction-policy'
  | 'read-only'
  | 'persistence'
  | 'event-loop'
  | 'command-budget'

/** One measurement that an alarm may be raised over. */
export interface Observation {
  readonly alarm: AlarmName
  /** Role of the link, or `'process'`. */
  readonly of: string
  /** Undefined where it is not known at the moment. */
  readonly value: number | undefined
  readonly limits: ThresholdLimits
  /** A sentence: what it is and what to do. Without host, key or secret. */
  readonly advice: string
  /** How the value is written, such as `'82 %'`. */
  readonly shown: string
}

/** An alarm that is raised. */
export interface Alarm {
  readonly alarm: AlarmName
  readonly of: string
  readonly value: string
  readonly advice: string
  readonly since: Date
}

/** The part of a logger that is used here. */
export interface AlarmLogger {
  info(details: object, message: string): void
  warn(details: object, message: string): void
}

/** All alarms of a process: each is told in one line when it is raised and in one when it is cleared. */
export class AlarmBoard {
  readonly #log: AlarmLogger
  readonly #thresholds = new Map<string, Threshold>()
  readonly #raised = new Map<string, Alarm>()

  constructor(log: AlarmLogger) {
    this.#log = log
  }

  get raised(): readonly Alarm[] {
    return [...this.#raised.values()]
  }

  observe({ alarm, of, value, limits, advice, shown }: Observation): void {
    const key = `${of}/${alarm}`
    const threshold = this.#thresholds.get(key) ?? new Threshold()
    this.#thresholds.set(key, threshold)
    const change = threshold.observe(value, limits)
    const raised = this.#raised.get(key)
    if (change === 'raised') {
      this.#raised.set(key, { alarm, of, value: shown, advice, since: new Date() })
      this.#log.warn({ alarm, of }, `health: ${alarm} (${of}) ${shown}. ${advice}`)
    } else if (change === 'cleared') {
      this.#raised.delete(key)
      this.#log.info({ alarm, of }, `health: ${alarm} (${of}) is well again, ${shown}`)
    } else if (raised !== undefined && value !== undefined) {
      this.#raised.set(key, { ...raised, value: shown, advice })
    }
  }
}
