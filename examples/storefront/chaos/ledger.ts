/** How safe a process said that its write is. */
export type Durability = 'redis' | 'buffered'

export interface Acknowledged {
  id: string
  durability: Durability
  /** The process that said so. */
  shop: number
  atMs: number
}

/** Every instance that a process has acknowledged: what must be there in the end. */
export class Ledger {
  readonly #entries: Acknowledged[] = []

  get entries(): readonly Acknowledged[] {
    return this.#entries
  }

  acknowledge(entry: Acknowledged): void {
    this.#entries.push(entry)
  }

  /** The entry at this fraction (0 to 1) of the list; undefined while it is empty. */
  at(fraction: number): Acknowledged | undefined {
    return this.#entries[Math.floor(fraction * this.#entries.length)]
  }

  count(durability: Durability): number {
    return this.#entries.filter((entry) => entry.durability === durability).length
  }
}
