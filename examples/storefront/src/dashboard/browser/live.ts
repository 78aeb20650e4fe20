import type { Api } from './api.js'
import type { Device, Health, LiveReport } from './api-types.js'
import type { AppStatus } from './status.js'

/** What the page hears from the server by itself. */
export interface LiveListener {
  onReport: (report: LiveReport) => void
  /** Null while nobody can tell. */
  onDevices: (devices: Device[] | null) => void
  /** Whether figures come in. */
  onLive: (live: boolean) => void
  onStatus: (status: AppStatus, outageSeconds?: number) => void
  onSignedOut: () => void
}

const HEALTH_EVERY_MS = 4_000
/** The server says something at least every ten seconds. */
const SILENCE_MS = 25_000
const FIRST_PAUSE_MS = 1_000
/** A stream that broke off is opened again by the browser, mostly in half a second. */
const BREAK_MS = 2_500
const LONGEST_PAUSE_MS = 5_000

/** The stream of events while somebody is signed in; the public health without it. */
export class Live {
  readonly #api: Api
  readonly #listener: LiveListener
  #source: EventSource | undefined
  #silence: number | undefined
  #retry: number | undefined
  #pauseMs = FIRST_PAUSE_MS
  #live = false
  /** Every further attempt of the browser fails as well; only the first one starts the clock. */
  #broken = false

  constructor(api: Api, listener: LiveListener) {
    this.#api = api
    this.#listener = listener
  }

  /** Looks after the public health as long as no stream says more. */
  async watchHealth(): Promise<void> {
    if (!this.#live) await this.#askHealth()
    setTimeout(() => void this.watchHealth(), HEALTH_EVERY_MS)
  }

  open(): void {
    this.close()
    const source = new EventSource('/dashboard/events')
    this.#source = source
    this.#broken = false
    const on = (event: string, listener: (data: string) => void): void => {
      source.addEventListener(event, (message: MessageEvent<string>) => {
        this.#heard()
        listener(message.data)
      })
    }
    on('figures', (data) => {
      const report = JSON.parse(data) as LiveReport
      this.#listener.onReport(report)
      this.#listener.onStatus(report.status, report.redis.lastOutage?.seconds)
    })
    on('sessions', (data) => {
      const { sessions } = JSON.parse(data) as { sessions: Device[] | null }
      this.#listener.onDevices(sessions)
    })
    on('beat', () => undefined)
    on('signed-out', () => {
      this.close()
      this.#listener.onSignedOut()
    })
    source.addEventListener('error', () => {
      // One that is refused is not opened again; one that cannot be reached is tried for ever, in silence.
      if (source.readyState === EventSource.CLOSED) this.#refused()
      else if (!this.#broken) this.#expectSound(BREAK_MS)
      this.#broken = true
    })
    this.#expectSound()
  }

  close(): void {
    clearTimeout(this.#retry)
    clearTimeout(this.#silence)
    this.#source?.close()
    this.#source = undefined
    this.#setLive(false)
  }

  #heard(): void {
    this.#broken = false
    this.#pauseMs = FIRST_PAUSE_MS
    this.#setLive(true)
    this.#expectSound()
  }

  #expectSound(withinMs = SILENCE_MS): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => {
      this.#refused()
    }, withinMs)
  }

  #refused(): void {
    this.close()
    this.#retry = setTimeout(() => void this.#tryAgain(), this.#pauseMs)
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS)
  }

  async #tryAgain(): Promise<void> {
    // Who is no longer signed in is refused for good; to ask tells that from a server that is busy.
    const health = await this.#askHealth()
    if (health === undefined) {
      this.#refused()
      return
    }
    try {
      await this.#api.session()
      this.open()
    } catch (error) {
      if (error instanceof Error && 'statusCode' in error && error.statusCode === 401) return
      this.#refused()
    }
  }

  async #askHealth(): Promise<Health | undefined> {
    try {
      // Without the cookie: to know who asks would take a look into Redis, which may be what is away.
      const response = await fetch('/api/v1/health', { credentials: 'omit' })
      const health = JSON.parse(await response.text()) as Health
      const isOff = health.redis.status === 'disabled' && health.status === 'ok'
      if (!this.#live) this.#listener.onStatus(isOff ? 'off' : health.status === 'ok' ? 'ok' : 'degraded')
      return health
    } catch {
      if (!this.#live) this.#listener.onStatus('unreachable')
      return undefined
    }
  }

  #setLive(live: boolean): void {
    if (live === this.#live) return
    this.#live = live
    this.#listener.onLive(live)
  }
}
