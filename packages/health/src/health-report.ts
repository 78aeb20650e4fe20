import type { RedisLink } from '@stayfast/redis-kit'

/**
 * The key under which a decorator of the app offers a {@link HealthReporter}. It is registered, so that a
 * plugin can offer one without importing this package: `Symbol.for('stayfast.health')`.
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

/** A report and the decorator that gave it. */
export interface NamedReport {
  readonly decorator: string
  readonly report: HealthReport
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function isReporter(value: unknown): value is HealthReporter {
  return typeof value === 'function'
}

/** The decorators of an app that offer a report, whatever they are called. */
export class ReportingPlugins {
  readonly #reporters = new Map<string, HealthReporter>()

  /** @param app - Looked through once: when the app is ready it gets no more decorators. */
  constructor(app: object) {
    for (
      let host: unknown = app;
      isObject(host) && host !== Object.prototype;
      host = Object.getPrototypeOf(host)
    ) {
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(host))) {
        // A getter is left alone: reading it may do something.
        const decoration: unknown = value
        if (this.#reporters.has(name) || !isObject(decoration) || !(healthReport in decoration)) continue
        const reporter: unknown = Reflect.get(decoration, healthReport)
        if (isReporter(reporter)) this.#reporters.set(name, reporter.bind(decoration))
      }
    }
  }

  /** A plugin that fails to report is left out: health must not fail with it. */
  reports(): readonly NamedReport[] {
    return [...this.#reporters].flatMap(([decorator, reporter]) => {
      try {
        return [{ decorator, report: reporter() }]
      } catch {
        return []
      }
    })
  }
}
