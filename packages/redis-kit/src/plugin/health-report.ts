import type { RedisLink } from '../link.js'

/**
 * The key under which a decorator of an app offers a {@link HealthReporter}. It is registered
 * (`Symbol.for('stayfast.health')`), so that plugins and whoever reads their reports meet without importing
 * each other.
 */
export const healthReport: unique symbol = Symbol.for('stayfast.health') as typeof healthReport

/** What a plugin says about itself. Read often: it costs no command and no time. */
export interface HealthReport {
  /** Such as `'tagged-cache'`. */
  readonly plugin: string
  /** Where it works. */
  readonly link?: RedisLink | undefined
  /** `'data'` must not be evicted, `'cache'` may be. */
  readonly holds?: 'data' | 'cache' | undefined
  /**
   * Numbers in snake case with their unit, such as `pending_writes` or `hits_total`. They are shown in the
   * details and as metrics: what ends in `_total` only grows.
   */
  readonly counts?: Readonly<Record<string, number>> | undefined
}

/** Answers at once, from memory. */
export type HealthReporter = () => HealthReport

/** Lets a decoration of an app report; nothing that lists its properties sees it. */
export function offerHealthReport(decoration: object, reporter: HealthReporter): void {
  Object.defineProperty(decoration, healthReport, { value: reporter })
}

/** The reporter that something offers, or undefined. */
export function healthReporterOf(decoration: unknown): HealthReporter | undefined {
  if ((typeof decoration !== 'object' && typeof decoration !== 'function') || decoration === null)
    return undefined
  if (!(healthReport in decoration)) return undefined
  const reporter: unknown = decoration[healthReport]
  return isReporter(reporter) ? reporter.bind(decoration) : undefined
}

function isReporter(value: unknown): value is HealthReporter {
  return typeof value === 'function'
}
