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

const MOST_STREAMS = 100
const MOST_OF_A_USER = 6
const EVERY_MS = 1_000
const BEAT_EVERY_MS = 10_000
/** Then the browser connects anew and its session is looked at again, wherever it may have been ended. */
const LIVES_MS = 60_000

interface Running {
  stream: EventStream
  viewer: Viewer
  openedMs: number
  beatMs: number
}

/** The event streams of the dashboards that are open: bounded in number and in time, one timer for all. */
export class LiveStreams<Common> {
  readonly #feed: LiveFeed<Common>
  readonly #running = new Set<Running>()
  #timer: NodeJS.Timeout | undefined
  #leave: (() => void) | undefined
  #telling = false
  #closed = false

  constructor(feed: LiveFeed<Common>) {
    this.#feed = feed
  }

  /** Throws `SHOP_STREAMS_BUSY`. */
  open(viewer: Viewer): EventStream {
    const own = [...this.#running].filter((other) => other.viewer.userId === viewer.userId)
    if (this.#closed || this.#running.size >= MOST_STREAMS || own.length >= MOST_OF_A_USER) {
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
    }, EVERY_MS)
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
    if (nowMs - running.openedMs > LIVES_MS) running.stream.end()
    else if (nowMs - running.beatMs > BEAT_EVERY_MS) {
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
