import { element } from './dom.js'
import { span } from './format.js'

export type AppStatus = 'ok' | 'degraded' | 'off' | 'unreachable'

const BADGES: Readonly<Record<AppStatus, string>> = {
  ok: 'All is well',
  degraded: 'Degraded, still serving',
  off: 'Without Redis',
  unreachable: 'Not reachable',
}
const RECOVERY_SHOWN_MS = 20_000

/** The badge and the banner: how the app is doing, and what that means for whoever works with the page. */
export class StatusDisplay {
  #status: AppStatus | undefined
  #degradedSinceMs: number | undefined
  #timer: number | undefined

  /**
   * Answers whether all is well again that was not.
   *
   * @param outageSeconds how long Redis was away, where the server knows it
   */
  show(status: AppStatus, outageSeconds?: number): boolean {
    if (status === this.#status) return false
    const before = this.#status
    this.#status = status
    const badge = element('health')
    badge.dataset['state'] = status
    badge.textContent = BADGES[status]
    if (status === 'degraded') this.#away()
    else if (status === 'unreachable') {
      this.#banner('bad', 'The server cannot be reached. This page tries again by itself.')
    } else if (this.#degradedSinceMs !== undefined) this.#back(outageSeconds)
    else if (before === 'unreachable') this.#banner('none', '')
    return before !== undefined && (status === 'ok' || status === 'off')
  }

  #away(): void {
    this.#degradedSinceMs ??= performance.now()
    this.#banner(
      'degraded',
      'Redis is away: degraded, still serving. Go on working: what you change holds here at once, and is handed on when Redis is back. Only new sign-ins have to wait.',
    )
  }

  #back(outageSeconds: number | undefined): void {
    const seconds = outageSeconds ?? (performance.now() - (this.#degradedSinceMs ?? 0)) / 1000
    this.#degradedSinceMs = undefined
    this.#banner(
      'good',
      `Redis is back after ${span(seconds)}. What was changed meanwhile is handed on to it.`,
    )
    this.#timer = setTimeout(() => {
      this.#banner('none', '')
    }, RECOVERY_SHOWN_MS)
  }

  #banner(state: 'none' | 'degraded' | 'good' | 'bad', text: string): void {
    clearTimeout(this.#timer)
    element('outage').dataset['state'] = state
    element('outage-text').textContent = text
  }
}
