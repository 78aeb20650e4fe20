import { capacity, type Decision, type Limit, type Run } from './algorithms/limit.js'
import { admitted, refused, type Ask, type Counters, type Settle } from './verdict.js'

/** A script can answer a few thousand numbers. */
const runsPerQuestion = 500

interface OpenRun extends Run {
  count: number
}

/** Requests of one turn to one counter under one limit. */
export class Batch {
  /** The first of them. */
  readonly ask: Ask
  readonly #runs: OpenRun[] = []
  /** In the order of arrival, which is that of the runs. */
  readonly #settles: Settle[] = []

  constructor(ask: Ask) {
    this.ask = ask
  }

  get runs(): readonly Run[] {
    return this.#runs
  }

  add(cost: number, settle: Settle): void {
    const run = this.#runs.at(-1)
    if (run?.cost === cost) run.count += 1
    else this.#runs.push({ cost, count: 1 })
    this.#settles.push(settle)
  }

  /** Tells each its verdict: of each run those that came first got in. */
  settle(decision: Decision): void {
    let left = Math.min(decision.available, capacity(this.ask.limit))
    let next = 0
    for (const [index, { cost, count }] of this.#runs.entries()) {
      const { admitted: fitting = 0, retryUs = 0 } = decision.runs[index] ?? {}
      for (let i = 0; i < count; i += 1) {
        const settle = this.#settles[next]
        next += 1
        if (i < fitting) {
          left -= cost
          settle?.(undefined, admitted(left, decision.resetUs, 'redis'))
        } else settle?.(undefined, refused(left, retryUs, 'redis'))
      }
    }
  }

  fail(error: Error): void {
    for (const settle of this.#settles) settle(error, undefined)
  }
}

function sameLimit(one: Limit, other: Limit): boolean {
  return one === other || (one.max === other.max && one.burst === other.burst)
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
  #scheduled = false

  /** @param send - Settles each batch, or fails it; called once for each turn with all of them, in order. */
  constructor(send: (batches: readonly Batch[]) => void) {
    this.#send = send
  }

  decide(ask: Ask, settle: Settle): void {
    this.#batchFor(ask).add(ask.cost, settle)
  }

  #batchFor(ask: Ask): Batch {
    const open = this.#open.get(ask.name)
    if (open !== undefined && sameLimit(open.ask.limit, ask.limit) && open.runs.length < runsPerQuestion) {
      return open
    }
    // One that was opened for this counter before stays ahead of it.
    const batch = new Batch(ask)
    this.#open.set(ask.name, batch)
    this.#batches.push(batch)
    if (!this.#scheduled) {
      this.#scheduled = true
      setImmediate(() => {
        this.#flush()
      })
    }
    return batch
  }

  #flush(): void {
    const batches = this.#batches
    this.#batches = []
    // Not cleared: a table that was cleared keeps its entries and its successor reachable, and once it is
    // old that holds the requests of every turn until the next full collection.
    this.#open = new Map()
    this.#scheduled = false
    this.#send(batches)
  }
}
