import { performance } from 'node:perf_hooks'
import { HealthCheckFailedError, HealthCheckInvalidError, HealthCheckTimeoutError } from '../errors.js'

/** Something of the app's own that can be well or not. */
export interface HealthCheck {
  /** Shown to those whom `detailsFor` lets in. */
  readonly name: string
  /** When it fails the app cannot work: health and readiness answer 503. Otherwise the app is `degraded`. */
  readonly critical?: boolean
  /** Milliseconds until it counts as failed; by default 1000, at most an hour. */
  readonly timeoutMs?: number
  /** Throws, rejects or answers `false` when something is wrong. Run in the background, never by a probe. */
  readonly run: (context: { readonly signal: AbortSignal }) => unknown
}

/** How a check went last. */
export interface CheckResult {
  readonly name: string
  readonly critical: boolean
  /** `'pending'` until it has run once. */
  readonly status: 'pending' | 'pass' | 'fail'
  readonly tookMs: number | undefined
  /** Code or name of what went wrong; the log holds the error itself. */
  readonly failure: string | undefined
  readonly at: Date | undefined
}

/** The part of a logger that is used here. */
export interface CheckLogger {
  info(message: string): void
  warn(details: object, message: string): void
}

interface Entry {
  readonly check: HealthCheck
  result: CheckResult
  running: Promise<void> | undefined
}

const defaultTimeoutMs = 1000
const longestTimeoutMs = 3_600_000

/** Runs the app's own checks in the background and keeps what came out. */
export class CheckRunner {
  readonly #everyMs: number
  readonly #log: CheckLogger
  readonly #entries = new Map<string, Entry>()
  #timer: NodeJS.Timeout | undefined
  #started = false

  constructor(everyMs: number, log: CheckLogger) {
    this.#everyMs = everyMs
    this.#log = log
  }

  get results(): readonly CheckResult[] {
    return [...this.#entries.values()].map(({ result }) => result)
  }

  /**
   * @returns A function that takes the check away again.
   * @throws STAY_HEALTH_CHECK_INVALID
   */
  add(check: HealthCheck): () => void {
    const given: unknown = check
    if (typeof given !== 'object' || given === null) throw new HealthCheckInvalidError('it is not an object')
    const { name, critical = false, timeoutMs = defaultTimeoutMs } = check
    if (typeof name !== 'string' || name === '') throw new HealthCheckInvalidError('it has no name')
    if (typeof Reflect.get(check, 'run') !== 'function') {
      throw new HealthCheckInvalidError(`"${name}" has no function run`)
    }
    if (typeof critical !== 'boolean') {
      throw new HealthCheckInvalidError(`critical of "${name}" is neither true nor false`)
    }
    // Beyond what timers can count they would fire at once, and the check would always have failed.
    if (typeof timeoutMs !== 'number' || !(timeoutMs > 0 && timeoutMs <= longestTimeoutMs)) {
      throw new HealthCheckInvalidError(
        `the timeoutMs of "${name}" is no number above 0 and up to ${longestTimeoutMs}`,
      )
    }
    if (this.#entries.has(name)) throw new HealthCheckInvalidError(`there is one called "${name}" already`)
    const entry: Entry = {
      // Asked as a method: it may be one of a class, and use what it belongs to.
      check: { name, critical, timeoutMs, run: (context) => check.run(context) },
      result: { name, critical, status: 'pending', tookMs: undefined, failure: undefined, at: undefined },
      running: undefined,
    }
    this.#entries.set(name, entry)
    if (this.#started) void this.#run(entry)
    return () => {
      if (this.#entries.get(name) === entry) this.#entries.delete(name)
    }
  }

  /** Runs all checks now and then every so often. */
  start(): void {
    this.#started = true
    void this.#round()
  }

  stop(): void {
    this.#started = false
    clearTimeout(this.#timer)
  }

  /** Runs all checks, or waits for those that are running. Never rejects. */
  async refresh(): Promise<void> {
    await Promise.all([...this.#entries.values()].map((entry) => this.#run(entry)))
  }

  async #round(): Promise<void> {
    await this.refresh()
    if (this.#started) this.#timer = setTimeout(() => void this.#round(), this.#everyMs)
  }

  /** One at a time: a check that hangs is not started again and again. */
  #run(entry: Entry): Promise<void> {
    entry.running ??= this.#runOnce(entry)
    return entry.running
  }

  async #runOnce(entry: Entry): Promise<void> {
    const { name, critical = false, timeoutMs = defaultTimeoutMs, run } = entry.check
    const startedMs = performance.now()
    const abort = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const work = new Promise<unknown>((resolve) => {
      resolve(run({ signal: abort.signal }))
    })
    const timedOut = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        const error = new HealthCheckTimeoutError(name, timeoutMs)
        abort.abort(error)
        reject(error)
      }, timeoutMs)
    })
    let failure: unknown
    try {
      if ((await Promise.race([work, timedOut])) === false) failure = new HealthCheckFailedError(name)
    } catch (error) {
      failure = error ?? new HealthCheckFailedError(name)
    }
    clearTimeout(timer)
    const before = entry.result.status
    entry.result = {
      name,
      critical,
      status: failure === undefined ? 'pass' : 'fail',
      tookMs: Math.round(performance.now() - startedMs),
      failure: failure === undefined ? undefined : nameOf(failure),
      at: new Date(),
    }
    if (failure !== undefined && before !== 'fail') {
      this.#log.warn({ err: failure, check: name }, `health: the check "${name}" fails`)
    } else if (failure === undefined && before === 'fail') {
      this.#log.info(`health: the check "${name}" passes again`)
    }
    // What it left behind may still be at work; until that ends it is not started again.
    const release = (): void => {
      entry.running = undefined
    }
    void work.then(release, release)
  }
}

function nameOf(failure: unknown): string {
  if (!(failure instanceof Error)) return 'Error'
  return 'code' in failure && typeof failure.code === 'string' ? failure.code : failure.name
}
