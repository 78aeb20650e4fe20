import { SeededRandom } from '../dist/catalogue/seeded-random.js'
import { vendorOf } from '../dist/instances/vendor-of.js'
import { type Ask } from './http-client.js'
import { type Acknowledged, type Ledger } from './ledger.js'

export type VisitKind = 'install' | 'dashboard' | 'products' | 'orders' | 'inventory' | 'change'

export interface Visit {
  kind: VisitKind
  ask: Ask
  /** The id that is installed. */
  installs?: string
  /** What the request relies on. */
  reliesOn?: Acknowledged
  /** The product whose price is changed; the price is chosen when it is sent. */
  changes?: string
}

/** Out of 100 requests; the rest changes products. */
const shares: readonly (readonly [VisitKind, number])[] = [
  ['install', 15],
  ['dashboard', 10],
  ['products', 35],
  ['orders', 15],
  ['inventory', 10],
]
/** Those that a first page shows, so that what is changed is seen by whoever reads. */
const productsThatChange = 50

/** What visitors ask for next, by a seeded plan: the same seed asks the same of what is acknowledged by then. */
export class Visits {
  readonly #random: SeededRandom
  readonly #ledger: Ledger

  constructor(seed: number, ledger: Ledger) {
    this.#random = new SeededRandom(seed)
    this.#ledger = ledger
  }

  next(): Visit {
    const kind = this.#kind()
    // Drawn always, so that the plan does not depend on what is in the ledger yet.
    const [fraction, id, number] = [
      this.#random.next(),
      this.#uuid(),
      this.#random.integer(1, productsThatChange),
    ]
    if (kind === 'dashboard') return { kind, ask: { method: 'GET', path: `/dashboard?instance=${id}` } }
    const known = kind === 'install' ? undefined : this.#ledger.at(fraction)
    if (known === undefined) {
      return {
        kind: 'install',
        installs: id,
        ask: { method: 'POST', path: '/api/instances', body: { instance: id } },
      }
    }
    const path = `/api/${known.id}`
    if (kind !== 'change') return { kind, reliesOn: known, ask: { method: 'GET', path: `${path}/${kind}` } }
    const changes = `p-${vendorOf(known.id).replace('vendor-', '')}-${number}`
    return { kind, reliesOn: known, changes, ask: { method: 'PUT', path: `${path}/products/${changes}` } }
  }

  #kind(): VisitKind {
    let drawn = this.#random.next() * 100
    for (const [kind, share] of shares) {
      drawn -= share
      if (drawn < 0) return kind
    }
    return 'change'
  }

  #uuid(): string {
    const digits = Array.from({ length: 32 }, () => this.#random.integer(0, 15).toString(16)).join('')
    return digits.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12})$/, '$1-$2-4$3-8$4-$5')
  }
}
