import { randomBytes } from 'node:crypto'
import type { Bus, RedisLink, Subscription } from '@stayfast/redis-kit'
import type { Counters, Sizes } from '../cache-stats.js'

/** What a process says of itself. */
export interface ProcessReport {
  readonly counters: Counters
  readonly sizes: Sizes
}

/** What the live processes say. */
export interface FleetReport {
  readonly reports: readonly ProcessReport[]
  readonly silent: number
}

/** Who has not answered by then is counted as silent. */
const answerWithinMs = 500

type Message =
  | { readonly kind: 'ask'; readonly id: string }
  | { readonly kind: 'answer'; readonly id: string; readonly from: string; readonly report: ProcessReport }

/** Only this package writes on its topic; what does not look like it is passed over. */
function parseMessage(payload: string): Message | undefined {
  try {
    const message: unknown = JSON.parse(payload)
    if (typeof message !== 'object' || message === null) return undefined
    if (!('kind' in message) || !('id' in message) || typeof message.id !== 'string') return undefined
    if (message.kind === 'ask') return { kind: 'ask', id: message.id }
    if (message.kind !== 'answer' || !('from' in message) || !('report' in message)) return undefined
    const { from, report, id } = message
    return typeof from === 'string' && isReport(report) ? { kind: 'answer', id, from, report } : undefined
  } catch {
    return undefined
  }
}

function areNumbers(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every((number) => typeof number === 'number')
  )
}

function isReport(value: unknown): value is ProcessReport {
  return (
    typeof value === 'object' &&
    value !== null &&
    'counters' in value &&
    'sizes' in value &&
    areNumbers(value.counters) &&
    areNumbers(value.sizes)
  )
}

/** Asks the other processes for their numbers, when somebody wants them: nothing is sent otherwise. */
export class Fleet {
  readonly #link: RedisLink
  readonly #bus: Bus
  readonly #topic: string
  readonly #report: () => ProcessReport
  readonly #subscription: Subscription
  readonly #asked = new Map<string, (from: string, report: ProcessReport) => void>()

  constructor(link: RedisLink, bus: Bus, topic: string, report: () => ProcessReport) {
    this.#link = link
    this.#bus = bus
    this.#topic = topic
    this.#report = report
    this.#subscription = bus.on(topic, {
      onMessage: (payload) => {
        this.#heard(payload)
      },
      onRevalidate: () => undefined,
    })
  }

  async ask(): Promise<FleetReport> {
    const own = this.#report()
    const others = this.#bus.members - 1
    if (this.#link.status !== 'up' || others < 1) return { reports: [own], silent: 0 }
    const id = randomBytes(9).toString('base64url')
    const answers = new Map<string, ProcessReport>()
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, answerWithinMs)
      const done = (): void => {
        clearTimeout(timer)
        resolve()
      }
      this.#asked.set(id, (from, report) => {
        answers.set(from, report)
        if (answers.size >= others) done()
      })
      this.#say({ kind: 'ask', id }).catch(done)
    })
    this.#asked.delete(id)
    return { reports: [own, ...answers.values()], silent: Math.max(0, others - answers.size) }
  }

  close(): void {
    this.#subscription.close()
  }

  #say(message: Message): Promise<unknown> {
    const { channel, message: text } = this.#bus.announcement(this.#topic, JSON.stringify(message))
    return this.#link.run((client) => client.publish(channel, text))
  }

  #heard(payload: string): void {
    const message = parseMessage(payload)
    if (message === undefined) return
    if (message.kind === 'answer') {
      if (message.from !== this.#bus.id) this.#asked.get(message.id)?.(message.from, message.report)
    } else if (!this.#asked.has(message.id)) {
      this.#say({ kind: 'answer', id: message.id, from: this.#bus.id, report: this.#report() }).catch(
        () => undefined,
      )
    }
  }
}
