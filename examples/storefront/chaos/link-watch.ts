import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { type Shop } from './fleet.js'
import { HttpClient } from './http-client.js'
import { textField } from './request-record.js'

export interface LinkChange {
  atMs: number
  up: boolean
}

const everyMs = 25

/** Watches, through `GET /`, what a process knows of its Redis. */
export class LinkWatch {
  readonly changes: LinkChange[] = []
  readonly #client: HttpClient
  #over = false
  #watching: Promise<void> | undefined

  constructor({ url }: Shop) {
    this.#client = new HttpClient(url)
  }

  get up(): boolean {
    return this.changes.at(-1)?.up ?? false
  }

  get connections(): number {
    return this.#client.connections
  }

  start(): void {
    this.#watching = this.#watch()
  }

  async stop(): Promise<void> {
    this.#over = true
    await this.#watching
    this.#client.close()
  }

  /** Milliseconds from a moment until the link is first seen up, or not up; undefined when it never is. */
  until(up: boolean, fromMs: number): number | undefined {
    const before = this.changes.findLast(({ atMs }) => atMs <= fromMs)
    if (before?.up === up) return 0
    const change = this.changes.find((change) => change.atMs > fromMs && change.up === up)
    return change && change.atMs - fromMs
  }

  async #watch(): Promise<void> {
    while (!this.#over) {
      const { body } = await this.#client.ask({ method: 'GET', path: '/' })
      const state = textField(body, 'redis')
      // What ioredis calls ready, in the plain app.
      const up = state === 'up' || state === 'ready'
      if (this.changes.at(-1)?.up !== up) this.changes.push({ atMs: performance.now(), up })
      await delay(everyMs)
    }
  }
}
