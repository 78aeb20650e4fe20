import { performance } from 'node:perf_hooks'
import { type Ledger } from './ledger.js'
import { type Load } from './load.js'
import { outcomes } from './request-record.js'

const everyMs = 1_000
const erase = '\r\u001b[K'

/** Tells how far it is: a line that changes each second for who is looking on, a line for each phase otherwise. */
export class Progress {
  readonly #name: string
  readonly #out: NodeJS.WriteStream
  readonly #startedMs = performance.now()
  #phase = ''
  #load: Load | undefined
  #ledger: Ledger | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(name: string, out: NodeJS.WriteStream) {
    this.#name = name
    this.#out = out
  }

  phase(phase: string): void {
    this.#phase = phase
    this.#out.write(this.#out.isTTY ? `${erase}${this.#line()}` : `${this.#line()}\n`)
  }

  /** Counts come from here until `rest()`. */
  watch(load: Load, ledger: Ledger): void {
    this.#load = load
    this.#ledger = ledger
    if (this.#out.isTTY) this.#timer = setInterval(() => this.#out.write(`${erase}${this.#line()}`), everyMs)
  }

  rest(): void {
    clearInterval(this.#timer)
    if (this.#out.isTTY) this.#out.write(erase)
  }

  #line(): string {
    const seconds = ((performance.now() - this.#startedMs) / 1000).toFixed(0)
    return `${this.#name} ${seconds} s: ${this.#phase}${this.#counts()}`
  }

  #counts(): string {
    const records = this.#load?.records
    if (records === undefined || records.length === 0) return ''
    const kinds = outcomes.flatMap((outcome) => {
      const count = records.filter((record) => record.outcome === outcome).length
      return count === 0 ? [] : [`${count} ${outcome}`]
    })
    return ` (${kinds.join(', ')}; ${this.#ledger?.entries.length ?? 0} acknowledged)`
  }
}
