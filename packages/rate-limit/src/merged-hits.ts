import { AsyncResource } from 'node:async_hooks'
import { capacity, type Decision, type Limit, type Run } from './algorithms/limit.js'
import type { CounterId } from './stores/limit-store.js'
import { admitted, refused, type Ask, type Counters, type Settle, type Verdict } from './verdict.js'

/** A script can answer a few thousand numbers. */
const runsPerQuestion = 500

interface OpenRun extends Run {
  count: number
}

/** One request that waits for its verdict, and the context in which it came. */
class Waiter extends AsyncResource {
  readonly ask: Ask
  readonly #settle: Settle

  constructor(ask: Ask, settle: Settle) {
    super('stayfast.rate-limit')
    this.ask = ask
    this.#settle = settle
  }

  /** What follows runs where the request was: whoever else it was merged with has nothing to do with that. */
  tell(error: Error | undefined, verdict: Verdict | undefined): void {
    this.runInAsyncScope(this.#settle, undefined, error, verdict)
  }

  /** Has another one decide. */
  handTo(decide: Counters['decide']): void {
    this.runInAsyncScope(decide, undefined, this.ask, this.#settle)
  }
}

/** Requests of one turn to one counter under one limit. */
export class Batch {
  /** The first of them. */
  readonly ask: Ask
  readonly #runs: OpenRun[] = []
  /** In the order of arrival, which is that of the runs. */
  readonly #waiters: Waiter[] = []

  constructor(ask: Ask) {
    this.ask = ask
  }

  get id(): CounterId {
    return this.ask.id
  }

  get limit(): Limit {
    return this.ask.limit
  }

  get runs(): readonly Run[] {
    return this.#runs
  }

  /** Whether the request can wait for the same answer. */
  takes(ask: Ask): boolean {
    return sameLimit(this.ask.limit, ask.limit) && this.#runs.length < runsPerQuestion
  }

  add(ask: Ask, settle: Settle): void {
    const run = this.#runs.at(-1)
    if (run?.cost === ask.cost) run.count += 1
    else this.#runs.push({ cost: ask.cost, count: 1 })
    this.#waiters.push(new Waiter(ask, settle))
  }

  /** Tells each its verdict: of each run those that came first got in. */
  settle({ available, resetUs, runs }: Decision): void {
    let left = Math.min(available, capacity(this.ask.limit))
    let next = 0
    this.#runs.forEach(({ cost, count }, index) => {
      const { admitted: fitting = 0, retryUs = 0 } = runs[index] ?? {}
      for (let i = 0; i < count; i += 1) {
        const waiter = this.#waiters[next]
        next += 1
        if (i < fitting) {
          left -= cost
          waiter?.tell(undefined, admitted(left, resetUs, 'redis'))
        } else waiter?.tell(undefined, refused(left, retryUs, 'redis'))
      }
    })
  }

  fail(error: Error): void {
    for (const waiter of this.#waiters) waiter.tell(error, undefined)
  }

  /** Has another one decide each. */
  handTo(decide: Counters['decide']): void {
    for (const waiter of this.#waiters) waiter.handTo(decide)
  }
}

function sameLimit(one: Limit, other: Limit): boolean {
  return one === other || (one.max === other.max && one.burst === other.burst)
}

/** Whether two requests are to one counter, without putting its name together. */
function sameCounter(one: Ask, other: Ask): boolean {
  if (one.limit !== other.limit) return one.name === other.name
  return one.id.key === other.id.key && one.id.policy === other.id.policy
}

/**
 * Requests that arrive in one turn of the event loop are decided together. Those to one counter are one
 * question, whose answer says how many of each run got in: they are told so in the order in which they came.
 *
 * ```
 *   turn of the loop:  A₁ B₁ A₂ A₃ B₂   ──►   A: 3 requests, B: 2 requests   ──►   A₁ ✓ A₂ ✓ A₃ ✗ …
 * ```
 */
export class MergedHits implements Counters {
  readonly #send: (batches: readonly Batch[]) => void
  #open = new Map<string, Batch>()
  #batches: Batch[] = []
  /** That of the last request; a client that is in a hurry comes right behind itself. */
  #last: Batch | undefined

  /** @param send - Settles each batch, or fails it; called once for each turn with all of them, in order. */
  constructor(send: (batches: readonly Batch[]) => void) {
    this.#send = send
  }

  decide(ask: Ask, settle: Settle): void {
    this.#batchFor(ask).add(ask, settle)
  }

  #batchFor(ask: Ask): Batch {
    const last = this.#last
    if (last !== undefined && sameCounter(last.ask, ask) && last.takes(ask)) return last
    const open = this.#open.get(ask.name)
    if (open?.takes(ask) === true) {
      this.#last = open
      return open
    }
    // One that was opened for this counter before stays ahead of it.
    const batch = new Batch(ask)
    this.#last = batch
    this.#open.set(ask.name, batch)
    if (this.#batches.length === 0) setImmediate(this.#flush)
    this.#batches.push(batch)
    return batch
  }

  readonly #flush = (): void => {
    const batches = this.#batches
    this.#batches = []
    this.#last = undefined
    // Not cleared: a table that was cleared keeps its entries and its successor reachable, and once it is
    // old that holds the requests of every turn until the next full collection.
    this.#open = new Map()
    this.#send(batches)
  }
}
