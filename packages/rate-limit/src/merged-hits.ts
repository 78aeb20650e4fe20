import { capacity, type Decision, type Limit, type Run } from './algorithms/limit.js'
import { admitted, refused, type Ask, type Counters, type Settle } from './verdict.js'

/** So many runs are sent in one command; a script can answer a few thousand numbers. */
const runsPerCommand = 500

interface OpenRun extends Run {
  count: number
}

interface Batch {
  /** The first of its requests; all ask the same counter for the same limit. */
  readonly ask: Ask
  readonly runs: OpenRun[]
  /** In the order of arrival, which is that of the runs. */
  readonly settles: Settle[]
}

function sameLimit(one: Limit, other: Limit): boolean {
  return one === other || (one.max === other.max && one.burst === other.burst)
}

/**
 * Requests that arrive in one turn of the event loop at one counter go to Redis in one command. The reply
 * says how many of each run got in; they are told so in the order in which they came.
 *
 * ```
 *   turn of the loop:  A₁ B₁ A₂ A₃ B₂   ──►   A: 3 requests, B: 2 requests   ──►   A₁ ✓ A₂ ✓ A₃ ✗ …
 * ```
 */
export class MergedHits implements Counters {
  readonly #decide: (ask: Ask, runs: readonly Run[]) => Promise<Decision>
  readonly #open = new Map<string, Batch>()
  #batches: Batch[] = []
  #flush: NodeJS.Immediate | undefined

  constructor(decide: (ask: Ask, runs: readonly Run[]) => Promise<Decision>) {
    this.#decide = decide
  }

  decide(ask: Ask, settle: Settle): void {
    const batch = this.#batchFor(ask)
    const run = batch.runs.at(-1)
    if (run?.cost === ask.cost) run.count += 1
    else batch.runs.push({ cost: ask.cost, count: 1 })
    batch.settles.push(settle)
  }

  /** Sends at once what waits for the end of the turn. */
  flush(): void {
    clearImmediate(this.#flush)
    this.#flush = undefined
    const batches = this.#batches
    this.#batches = []
    this.#open.clear()
    for (const batch of batches) void this.#send(batch)
  }

  #batchFor(ask: Ask): Batch {
    const open = this.#open.get(ask.name)
    if (open !== undefined && sameLimit(open.ask.limit, ask.limit) && open.runs.length < runsPerCommand)
      return open
    // One that was opened for this counter before stays ahead of it.
    const batch: Batch = { ask, runs: [], settles: [] }
    this.#open.set(ask.name, batch)
    this.#batches.push(batch)
    this.#flush ??= setImmediate(() => {
      this.flush()
    })
    return batch
  }

  async #send({ ask, runs, settles }: Batch): Promise<void> {
    let decision: Decision
    try {
      decision = await this.#decide(ask, runs)
    } catch (error) {
      const cause = error instanceof Error ? error : new Error(String(error))
      for (const settle of settles) settle(cause, undefined)
      return
    }
    let left = Math.min(decision.available, capacity(ask.limit))
    let next = 0
    for (const [index, { cost, count }] of runs.entries()) {
      const { admitted: fitting = 0, retryUs = 0 } = decision.runs[index] ?? {}
      for (let i = 0; i < count; i += 1) {
        const settle = settles[next]
        next += 1
        if (i < fitting) {
          left -= cost
          settle?.(undefined, admitted(left, decision.resetUs, 'redis'))
        } else settle?.(undefined, refused(left, retryUs, 'redis'))
      }
    }
  }
}
