/** What one caller has of a {@link TurnBatch}: its replies stand in there from `first` on. */
export interface Share<Reply> {
  readonly replies: Promise<readonly Reply[]>
  readonly first: number
}

/** How a {@link TurnBatch} works. */
export interface TurnBatchOptions<Item, Reply> {
  /** Sends what has come together; replies in the order of the items. */
  readonly send: (items: readonly Item[]) => Promise<readonly Reply[]>
  /** A batch that weighs so much takes nothing more: one command must not keep the server from others for long. */
  readonly maxWeight: number
  /** Sent at the end of the turn, behind what is asked for in it: nobody waits for the answer. */
  readonly patient?: boolean
}

class Batch<Item, Reply> {
  readonly items: Item[] = []
  weight = 0
  readonly replies: Promise<readonly Reply[]>
  readonly #settle: (replies: Promise<readonly Reply[]>) => void

  constructor() {
    let settle: (replies: Promise<readonly Reply[]>) => void = () => undefined
    this.replies = new Promise((resolve) => {
      settle = resolve
    })
    this.#settle = settle
    // Whoever has a share of it hears of its failure by that.
    this.replies.catch(() => undefined)
  }

  settle(replies: Promise<readonly Reply[]>): void {
    this.#settle(replies)
  }
}

/**
 * Gathers what is asked for in one turn of the event loop, so that all of it shares a command, a write to
 * the socket and a deadline.
 */
export class TurnBatch<Item, Reply> {
  readonly #options: TurnBatchOptions<Item, Reply>
  #running: readonly Promise<unknown>[] = []
  #open: Batch<Item, Reply> | undefined

  constructor(options: TurnBatchOptions<Item, Reply>) {
    this.#options = options
  }

  /** @param weight - Of all these items together, in the measure of `maxWeight`. */
  add(items: readonly Item[], weight: number): Share<Reply> {
    const batch = (this.#open ??= this.#begin())
    const first = batch.items.length
    for (const item of items) batch.items.push(item)
    batch.weight += weight
    if (batch.weight >= this.#options.maxWeight) this.flush()
    return { replies: batch.replies, first }
  }

  /** Sends what has come together by now. */
  flush(): void {
    const batch = this.#open
    if (batch === undefined) return
    this.#open = undefined
    const replies = this.#options.send(batch.items)
    batch.settle(replies)
  }

  /** Resolves when everything that was added by now has been answered, or could not be. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#running)
  }

  #begin(): Batch<Item, Reply> {
    const batch = new Batch<Item, Reply>()
    const end = (): void => {
      this.#running = this.#running.filter((replies) => replies !== batch.replies)
    }
    this.#running = [...this.#running, batch.replies]
    batch.replies.then(end, end)
    const send = (): void => {
      if (this.#open === batch) this.flush()
    }
    if (this.#options.patient === true) setImmediate(send)
    else process.nextTick(send)
    return batch
  }
}
