import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks'

/** How late the event loop of this process was, in milliseconds, since the sample before. */
export interface LoopDelay {
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
}

const resolutionMs = 20

/** Watches the event loop: a round trip to Redis is measured by it, and is as late as it is. */
export class EventLoopDelay {
  readonly #histogram: IntervalHistogram = monitorEventLoopDelay({ resolution: resolutionMs })
  #last: LoopDelay = { p50Ms: 0, p99Ms: 0, maxMs: 0 }

  start(): void {
    this.#histogram.enable()
  }

  stop(): void {
    this.#histogram.disable()
  }

  /** Ends a sample and begins the next. */
  take(): LoopDelay {
    if (this.#histogram.count > 0) {
      this.#last = {
        p50Ms: late(this.#histogram.percentile(50)),
        p99Ms: late(this.#histogram.percentile(99)),
        maxMs: late(this.#histogram.max),
      }
      this.#histogram.reset()
    }
    return this.#last
  }

  get last(): LoopDelay {
    return this.#last
  }
}

/** The histogram holds the time between two looks, in nanoseconds: what is beyond the resolution is delay. */
function late(nanoseconds: number): number {
  return Math.max(0, Math.round((nanoseconds / 1e6 - resolutionMs) * 10) / 10)
}
