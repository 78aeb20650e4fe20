import type { RedisConnection } from '@stayfast/redis-connection'
import { performance } from 'node:perf_hooks'

type Link = ReturnType<RedisConnection['link']>
type LinkStatus = Link['status']

/** How it stands between the app and its Redis. */
export interface LinkReport {
  status: LinkStatus
  /** ISO 8601: since when it has been so, as far as this process knows. */
  since: string
  /** The last time that Redis was away and came back. */
  lastOutage: { endedAt: string; seconds: number } | null
}

/** Remembers when Redis went and came back. */
export class LinkHistory {
  readonly #link: Link
  readonly #end: () => void
  #report: LinkReport
  #awaySinceMs: number | undefined

  /** @param onChange is called after each change. */
  constructor(link: Link, onChange: () => void) {
    this.#link = link
    this.#report = { status: link.status, since: now(), lastOutage: null }
    this.#end = link.onChange(() => {
      this.#note(link.status)
      onChange()
    })
  }

  get report(): LinkReport {
    return this.#report
  }

  get link(): Link {
    return this.#link
  }

  close(): void {
    this.#end()
  }

  #note(status: LinkStatus): void {
    if (status === this.#report.status) return
    let { lastOutage } = this.#report
    if (status === 'up' && this.#awaySinceMs !== undefined) {
      const seconds = Math.round((performance.now() - this.#awaySinceMs) / 100) / 10
      lastOutage = { endedAt: now(), seconds }
      this.#awaySinceMs = undefined
    }
    if (status === 'down' || status === 'suspect') this.#awaySinceMs ??= performance.now()
    this.#report = { status, since: now(), lastOutage }
  }
}

function now(): string {
  return new Date().toISOString()
}
