import { performance } from 'node:perf_hooks'
import type { RedisLink } from '@stayfast/redis-kit'

type Mode = { readonly status: 'shared' } | { readonly status: 'away' } | { readonly status: 'closed' }

/** How {@link OutageMode} tells an outage from a return. */
export interface OutageModeOptions {
  readonly link: RedisLink
  /** Redis counts again when the link was up for so long without a break. */
  readonly returnAfterMs: number
  /** Asks Redis for a write; a Redis that refuses is not back. */
  readonly probe: () => Promise<void>
  readonly onReturn: () => void
}

/**
 * Who counts: Redis, or this process by itself.
 *
 * ```
 *   shared ── Redis cannot be asked, and this process decides ──► away
 *      ▲                                                          │ ▲
 *      └── the link was up for returnAfterMs, and a write works ──┘ └── …or not: once more
 * ```
 *
 * Without the wait a link that comes and goes would have each request counted elsewhere than the one
 * before: half of them in Redis, half of them here, each side with room left.
 */
export class OutageMode {
  readonly #options: OutageModeOptions
  readonly #stopListening: () => void
  #mode: Mode = { status: 'shared' }
  #upSinceMs: number | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(options: OutageModeOptions) {
    this.#options = options
    if (options.link.status === 'up') this.#upSinceMs = performance.now()
    this.#stopListening = options.link.onChange(({ status }) => {
      this.#upSinceMs = status === 'up' ? performance.now() : undefined
      this.#schedule()
    })
  }

  /** This process counts by itself. */
  get away(): boolean {
    return this.#mode.status === 'away' || this.#options.link.status !== 'up'
  }

  /**
   * This process has decided by itself, and goes on doing so.
   *
   * @returns Whether that is new.
   */
  leave(): boolean {
    if (this.#mode.status !== 'shared') return false
    this.#mode = { status: 'away' }
    // Redis may be up and refuse: then the wait begins now.
    if (this.#upSinceMs !== undefined) this.#upSinceMs = performance.now()
    this.#schedule()
    return true
  }

  close(): void {
    this.#mode = { status: 'closed' }
    this.#stopListening()
    clearTimeout(this.#timer)
  }

  #schedule(): void {
    clearTimeout(this.#timer)
    if (this.#mode.status !== 'away' || this.#upSinceMs === undefined) return
    const leftMs = this.#upSinceMs + this.#options.returnAfterMs - performance.now()
    this.#timer = setTimeout(() => void this.#tryToReturn(), Math.max(0, leftMs))
  }

  async #tryToReturn(): Promise<void> {
    const upSinceMs = this.#upSinceMs
    const works = await this.#options.probe().then(
      () => true,
      () => false,
    )
    if (this.#mode.status !== 'away' || this.#upSinceMs !== upSinceMs || upSinceMs === undefined) return
    if (works) {
      this.#mode = { status: 'shared' }
      this.#options.onReturn()
      return
    }
    this.#upSinceMs = performance.now()
    this.#schedule()
  }
}
