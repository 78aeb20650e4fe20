import type { FastifyRequest } from 'fastify'
import { AsyncLocalStorage } from 'node:async_hooks'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { performance } from 'node:perf_hooks'

/** ioredis publishes each command that it sends there, in the context of whoever sends it. */
const CHANNEL = 'tracing:ioredis:command:start'
const SECONDS_PER_DAY = 86_400
/** The pace is that of the last minute; before a part of it has passed there is none. */
const PACE_SECONDS = 60
const LEAST_SECONDS = 5

interface Tally {
  commands: number
  /** Timers that a request has started live on in its context; their commands are not the request's. */
  answered: boolean
}

/**
 * Counts the commands that this process sends to Redis: for each request, and in all. Only while somebody
 * looks: following a request through everything it starts makes all promises of a process a little slower.
 */
export class CommandCount {
  readonly #context = new AsyncLocalStorage<Tally>()
  readonly #tallies = new WeakMap<FastifyRequest, Tally>()
  readonly #bySecond = new Float64Array(PACE_SECONDS)
  #second = 0
  #sinceMs = 0
  #watchers = 0

  /** Counts until the returned function is called. */
  watch(): () => void {
    this.#watchers += 1
    if (this.#watchers === 1) this.#start()
    let ended = false
    return () => {
      if (ended) return
      ended = true
      this.#watchers -= 1
      if (this.#watchers === 0) this.#stop()
    }
  }

  begin(request: FastifyRequest, next: () => void): void {
    if (this.#watchers === 0) {
      next()
      return
    }
    const tally = { commands: 0, answered: false }
    this.#tallies.set(request, tally)
    this.#context.run(tally, next)
  }

  goOn(request: FastifyRequest, next: () => void): void {
    const tally = this.#tallies.get(request)
    if (tally === undefined) next()
    else this.#context.run(tally, next)
  }

  /** How many commands the request cost; undefined if it was not followed from its beginning. */
  end(request: FastifyRequest): number | undefined {
    const tally = this.#tallies.get(request)
    if (tally === undefined) return undefined
    tally.answered = true
    return tally.commands
  }

  /** Commands in a day at the pace of the last minute; null while that is not known. */
  get perDay(): number | null {
    if (this.#watchers === 0) return null
    this.#turn()
    const seconds = Math.min((performance.now() - this.#sinceMs) / 1000, PACE_SECONDS)
    if (seconds < LEAST_SECONDS) return null
    const commands = this.#bySecond.reduce((sum, count) => sum + count, 0)
    return Math.round((commands / seconds) * SECONDS_PER_DAY)
  }

  close(): void {
    this.#watchers = 0
    this.#stop()
  }

  #start(): void {
    this.#sinceMs = performance.now()
    this.#second = 0
    this.#bySecond.fill(0)
    subscribe(CHANNEL, this.#heard)
  }

  #stop(): void {
    unsubscribe(CHANNEL, this.#heard)
    this.#context.disable()
  }

  readonly #heard = (): void => {
    this.#turn()
    const slot = this.#second % PACE_SECONDS
    this.#bySecond[slot] = (this.#bySecond[slot] ?? 0) + 1
    const tally = this.#context.getStore()
    if (tally !== undefined && !tally.answered) tally.commands += 1
  }

  /** Empties the slots of the seconds that have passed. */
  #turn(): void {
    const second = Math.floor((performance.now() - this.#sinceMs) / 1000)
    const passed = Math.min(second - this.#second, PACE_SECONDS)
    for (let each = 1; each <= passed; each += 1) this.#bySecond[(this.#second + each) % PACE_SECONDS] = 0
    this.#second = second
  }
}
