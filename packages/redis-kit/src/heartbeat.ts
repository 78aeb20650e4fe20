/** What a {@link Heartbeat} asks of whom it belongs to. */
export interface HeartbeatOptions {
  /** Milliseconds without an answer after which one is asked for; `false` never. */
  readonly everyMs: number | false
  /** Milliseconds since the last answer. */
  readonly silentMs: () => number
  /** Asks for an answer; may reject. */
  readonly beat: () => Promise<unknown>
  /** Whether to go on after a beat. */
  readonly goesOn: () => boolean
}

/** Notices that an idle connection died: one that is used needs no beats. */
export class Heartbeat {
  readonly #options: HeartbeatOptions
  #timer: NodeJS.Timeout | undefined

  constructor(options: HeartbeatOptions) {
    this.#options = options
  }

  /** Begins, or begins anew. */
  start(): void {
    clearTimeout(this.#timer)
    const { everyMs, silentMs, beat, goesOn } = this.#options
    if (everyMs === false) return
    const waitMs = everyMs - silentMs()
    if (waitMs > 0) {
      this.#startIn(waitMs)
      return
    }
    void beat()
      .catch(() => undefined)
      .then(() => {
        if (goesOn()) this.#startIn(everyMs)
      })
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  #startIn(delayMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.start()
    }, delayMs)
  }
}
