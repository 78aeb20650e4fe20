import { performance } from 'node:perf_hooks'
import { StreamsBusyError } from '../errors.js'
import { EventStream } from './event-stream.js'

/** Who reads a stream. */
export interface Viewer {
  userId: string
  admin: boolean
  /** Where the user is signed in; undefined while nobody can tell. */
  sessions: () => Promise<readonly { id: string; current: boolean }[] | undefined>
}

/** What the streams are fed with. */
export interface LiveFeed<Common> {
  /** Called before the first stream opens and after the last one has closed. */
  attend: () => () => void
  /** Figures that all streams share. */
  common: () => Promise<Common>
  /** What one viewer gets of it. */
  figuresFor: (common: Common, viewer: Viewer) => object
  onError: (error: unknown) => void
}

export interface LiveStreamOptions {
  most: number
  mostOfUser: number
  /** Between two looks at the figures. */
  everyMs: number
  beatEveryMs: number
  /** Then the browser connects anew and its session is looked at again, wherever it may have been ended. */
  livesMs: number
}

const defaults = Object.freeze({
  most: 100,
  mostOfUser: 6,
  everyMs: 1_000,
  beatEveryMs: 10_000,
  livesMs: 60_000,
} satisfies LiveStreamOptions)

interface Running {
  stream: EventStream
  viewer: Viewer
  openedMs: number
  beatMs: number
}

/** The event streams of the dashboards that are open: bounded in number and in time, one timer for all. */
export class LiveStreams<Common> {
  readonly #feed: LiveFeed<Common>
  readonly #options: LiveStreamOptions
  readonly #running = new Set<Running>()
  #timer: NodeJS.Timeout | undefined
  #leave: (() => void) | undefined
  #telling = false
  #closed = false

  constructor(feed: LiveFeed<Common>, options: Partial<LiveStreamOptions> = {}) {
    this.#feed = feed
    this.#options = { ...defaults, ...options }
  }

  /** Throws `SHOP_STREAMS_BUSY`. */
  open(viewer: Viewer): EventStream {
    const own = [...this.#running].filter((other) => other.viewer.userId === viewer.userId)
    const { most, mostOfUser, everyMs } = this.#options
    if (this.#closed || this.#running.size >= most || own.length >= mostOfUser) {
      throw new StreamsBusyError()
    }
    const stream = new EventStream()
    const nowMs = performance.now()
    const running = { stream, viewer, openedMs: nowMs, beatMs: nowMs }
    this.#running.add(running)
    stream.body.once('close', () => {
      this.#remove(running)
    })
    this.#leave ??= this.#feed.attend()
    this.#timer ??= setInterval(() => {
      this.tell()
    }, everyMs)
    this.tell()
    void this.#tellSessions(running)
    return stream
  }

  /** Sends the figures of now to all. */
  tell(): void {
    if (this.#telling || this.#running.size === 0) return
    this.#telling = true
    this.#feed
      .common()
      .then((common) => {
        for (const running of this.#running) {
          running.stream.send('figures', this.#feed.figuresFor(common, running.viewer))
          this.#keepAlive(running)
        }
      })
      .catch(this.#feed.onError)
      .finally(() => {
        this.#telling = false
      })
  }

  /** The user signed in or out somewhere: the pages that show it are told, and the one it ended learns so. */
  sessionsChanged(userId: string): void {
    for (const running of this.#running) {
      if (running.viewer.userId === userId) void this.#tellSessions(running)
    }
  }

  allSessionsChanged(): void {
    for (const running of this.#running) void this.#tellSessions(running)
  }

  close(): void {
    this.#closed = true
    for (const { stream } of this.#running) stream.end()
  }

  async #tellSessions({ stream, viewer }: Running): Promise<void> {
    try {
      const sessions = await viewer.sessions()
      if (sessions !== undefined && !sessions.some(({ current }) => current)) {
        stream.send('signed-out', {})
        stream.end()
        return
      }
      stream.send('sessions', { sessions: sessions ?? null })
    } catch (error) {
      this.#feed.onError(error)
    }
  }

  #keepAlive(running: Running): void {
    const nowMs = performance.now()
    if (nowMs - running.openedMs > this.#options.livesMs) running.stream.end()
    else if (nowMs - running.beatMs > this.#options.beatEveryMs) {
      running.beatMs = nowMs
      running.stream.beat()
    }
  }

  #remove(running: Running): void {
    this.#running.delete(running)
    if (this.#running.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
    this.#leave?.()
    this.#leave = undefined
  }
}
