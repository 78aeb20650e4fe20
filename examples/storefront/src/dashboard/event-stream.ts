import { PassThrough } from 'node:stream'

/** Beyond this a reader is too slow: the next figures replace these, so they need not be sent at all. */
const MOST_BUFFERED_BYTES = 64 * 1024
/** After which the browser connects again by itself. */
const RETRY_MS = 500

/** One `text/event-stream`: https://html.spec.whatwg.org/multipage/server-sent-events.html */
export class EventStream {
  readonly body: PassThrough = new PassThrough()
  readonly #last = new Map<string, string>()

  constructor() {
    this.body.write(`retry: ${RETRY_MS}\n\n`)
  }

  get open(): boolean {
    return !this.body.destroyed && !this.body.writableEnded
  }

  /** Sends what is new: the same data of the same event is sent once. */
  send(event: string, data: object): void {
    const text = JSON.stringify(data)
    if (!this.open || this.#last.get(event) === text || this.#isSlow()) return
    this.#last.set(event, text)
    this.body.write(`event: ${event}\ndata: ${text}\n\n`)
  }

  /** Something that means nothing, so that neither a proxy nor the page takes the silence for the end. */
  beat(): void {
    if (this.open && !this.#isSlow()) this.body.write('event: beat\ndata\n\n')
  }

  end(): void {
    this.body.end()
  }

  #isSlow(): boolean {
    return this.body.writableLength + this.body.readableLength > MOST_BUFFERED_BYTES
  }
}
