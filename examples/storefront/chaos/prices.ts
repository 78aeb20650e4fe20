/** A change of a price that a process was asked for. */
export interface Edit {
  readonly value: number
  readonly shop: number
  readonly sentAtMs: number
  /** Undefined while it is under way, and for ever where nobody knows whether it was done. */
  acknowledgedAtMs: number | undefined
}

/** An answer that was older than an edit that had been acknowledged before it was asked for. */
export interface StaleRead {
  readonly shop: number
  readonly sentAtMs: number
  /** From the acknowledgement of the first edit that it did not know to the question. */
  readonly ageMs: number
  /** The process had acknowledged that edit itself. */
  readonly own: boolean
}

interface History {
  readonly edits: Edit[]
  editing: boolean
}

/** Prices that no run has given before, though they share one catalogue: a thousand for each second. */
const firstPrice = 100 + (Math.floor(Date.now() / 1000) % 1_000_000) * 1000

/** What the prices of some products were changed to, and whether what is read is as new as it must be. */
export class Prices {
  readonly stale: StaleRead[] = []
  /** Prices that were looked at. */
  judged = 0
  readonly #histories = new Map<string, History>()
  #next = firstPrice

  /** A new price for a product, or undefined while another one is on its way: which came last would be unknown. */
  begin(productId: string, shop: number, sentAtMs: number): Edit | undefined {
    const history = this.#histories.get(productId) ?? { edits: [], editing: false }
    this.#histories.set(productId, history)
    if (history.editing) return undefined
    history.editing = true
    const edit: Edit = { value: this.#next++, shop, sentAtMs, acknowledgedAtMs: undefined }
    history.edits.push(edit)
    return edit
  }

  /** @param acknowledgedAtMs - Undefined where it was refused or not answered: it may have been done, or not. */
  settle(productId: string, edit: Edit, acknowledgedAtMs: number | undefined): void {
    edit.acknowledgedAtMs = acknowledgedAtMs
    const history = this.#histories.get(productId)
    if (history !== undefined) history.editing = false
  }

  /** What an answer to a question of that time said. */
  judge(productId: string, price: number, shop: number, sentAtMs: number): void {
    const edits = this.#histories.get(productId)?.edits ?? []
    this.judged += 1
    // What is none of them was there before.
    const seen = edits.findIndex(({ value }) => value === price)
    const missed = edits
      .slice(seen + 1)
      .filter(({ acknowledgedAtMs }) => acknowledgedAtMs !== undefined && acknowledgedAtMs < sentAtMs)
    const [first] = missed
    if (first?.acknowledgedAtMs === undefined) return
    this.stale.push({
      shop,
      sentAtMs,
      ageMs: sentAtMs - first.acknowledgedAtMs,
      own: missed.some((edit) => edit.shop === shop),
    })
  }
}
