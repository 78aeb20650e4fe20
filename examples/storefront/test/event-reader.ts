import { type TeardownHost } from '@stayfast/test-kit'
import { type FastifyInstance } from 'fastify'

const PATIENCE_MS = 20_000

/** One event of a stream. */
interface Heard {
  event: string
  data: unknown
}

/** Reads `/dashboard/events` of an app that listens, as a browser with that cookie would. */
export class EventReader {
  readonly #aborted = new AbortController()
  readonly #heard: Heard[] = []
  #ended = false
  #wake: () => void = () => undefined

  static async open(app: FastifyInstance, cookie: string, owner: TeardownHost): Promise<EventReader> {
    const reader = new EventReader()
    owner.teardown(async () => {
      reader.#aborted.abort()
    })
    const address = app.addresses().find((each) => typeof each !== 'string')
    if (address === undefined) throw new RangeError('the app does not listen')
    const response = await fetch(`http://127.0.0.1:${address.port}/dashboard/events`, {
      headers: { cookie },
      signal: reader.#aborted.signal,
    })
    if (response.status !== 200 || response.body === null) {
      throw new RangeError(`the events answered ${response.status}: ${await response.text()}`)
    }
    void reader.#read(response.body)
    return reader
  }

  /** The first event of that name, heard already or soon, that passes. */
  async next<Data>(event: string, passes: (data: Data) => boolean = () => true): Promise<Data> {
    const data = await this.#until(() => {
      const found = this.#heard.find((heard) => heard.event === event && passes(heard.data as Data))
      return found && { data: found.data as Data }
    })
    return data.data
  }

  async ended(): Promise<void> {
    await this.#until(() => (this.#ended ? {} : undefined))
  }

  close(): void {
    this.#aborted.abort()
  }

  async #until<Result>(check: () => Result | undefined): Promise<Result> {
    const timer = setTimeout(() => {
      this.#aborted.abort()
      this.#wake()
    }, PATIENCE_MS)
    try {
      for (;;) {
        const result = check()
        if (result !== undefined) return result
        if (this.#aborted.signal.aborted) {
          throw new Error(`not heard; the last was ${JSON.stringify(this.#heard.at(-1))}`)
        }
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      clearTimeout(timer)
    }
  }

  async #read(body: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder()
    let text = ''
    try {
      for await (const chunk of body) {
        text += decoder.decode(chunk, { stream: true })
        const blocks = text.split('\n\n')
        text = blocks.pop() ?? ''
        for (const block of blocks) this.#take(block)
        this.#wake()
      }
    } catch {
      // Cut off, by this reader or by the server: an end all the same.
    }
    this.#ended = true
    this.#wake()
  }

  #take(block: string): void {
    const event = /^event: (.*)$/m.exec(block)?.[1]
    const data = /^data: (.*)$/m.exec(block)?.[1]
    if (event !== undefined) this.#heard.push({ event, data: data === undefined ? null : JSON.parse(data) })
  }
}
