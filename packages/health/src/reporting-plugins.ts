import { healthReporterOf, type HealthReport, type HealthReporter } from '@stayfast/redis-kit'

/** A report and the decorator that gave it. */
export interface NamedReport {
  readonly decorator: string
  readonly report: HealthReport
}

/** The decorators of an app that offer a report, whatever they are called. */
export class ReportingPlugins {
  readonly #reporters = new Map<string, HealthReporter>()

  /** @param app - Looked through once: when the app is ready it gets no more decorators. */
  constructor(app: object) {
    for (
      let host: unknown = app;
      typeof host === 'object' && host !== null && host !== Object.prototype;
      host = Object.getPrototypeOf(host)
    ) {
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(host))) {
        // A getter is left alone: reading it may do something.
        const reporter = healthReporterOf(value)
        if (reporter !== undefined && !this.#reporters.has(name)) this.#reporters.set(name, reporter)
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
