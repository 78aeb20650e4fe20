import type { HealthCheck } from './checks/check-runner.js'
import type { HealthSnapshot, Phase } from './snapshot.js'

/** Metrics as Prometheus reads them. */
export interface Metrics {
  readonly contentType: string
  readonly text: string
}

/** `app.healthChecks`. */
export interface HealthChecks {
  /** `'starting'`, `'ready'` or `'draining'`: readiness answers 503 unless it is `'ready'`. */
  readonly phase: Phase

  /**
   * Adds a check of the app's own. It runs in the background from now on (or from when the app is ready).
   *
   * @returns A function that takes it away again.
   * @throws STAY_HEALTH_CHECK_INVALID
   */
  add(check: HealthCheck): () => void

  /** All that is known, details included, as of the last samples. Costs nothing. */
  snapshot(): HealthSnapshot

  /** Samples Redis and runs all checks now, and answers with what came out. Never rejects. */
  refresh(): Promise<HealthSnapshot>

  /** For a route of the app's own, behind hooks of its own. Costs Redis nothing. */
  metrics(): Promise<Metrics>

  /**
   * Ends the app in order: readiness 503, a delay in which it answers on with `Connection: close`, then
   * `app.close()`. Bounded; asked twice it is done once.
   *
   * @throws STAY_HEALTH_OPTION_INVALID for a `drainDelayMs` that is no whole number from 0 to 3600000.
   */
  shutdown(options?: { readonly drainDelayMs?: number }): Promise<void>
}
