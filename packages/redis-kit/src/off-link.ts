import { RedisUnavailableError } from './errors.js'
import type { LinkCounters, LinkTraits, RedisLink, Subscription } from './link.js'
import { RedisClock } from './redis-clock.js'
import type { LinkState, LinkStatus } from './link-state.js'

/** The link of an app that has no Redis: it refuses everything and never changes. */
export class OffLink implements RedisLink {
  readonly name: string
  readonly state: LinkState = { status: 'off' }
  readonly status: LinkStatus = 'off'
  readonly traits: LinkTraits = { cluster: false, billedByCommand: false, provider: 'none' }
  readonly counters: LinkCounters = { answered: 0, refused: 0, missed: 0, connected: 0 }
  readonly clock: RedisClock = new RedisClock()
  readonly keyPrefix = ''
  readonly channelPrefix = ''

  constructor(name: string) {
    this.name = name
  }

  run<T>(): Promise<T> {
    return Promise.reject(
      new RedisUnavailableError(`Redis (${this.name}) was not asked: none is configured. Set REDIS_URL.`, {
        outcome: 'not-sent',
        status: 'off',
      }),
    )
  }

  subscribe(): Subscription {
    return { close: () => undefined }
  }

  onChange(): () => void {
    return () => undefined
  }

  onRenewed(): () => void {
    return () => undefined
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
