import { performance } from 'node:perf_hooks'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { vendorOf } from '../dist/instances/vendor-of.js'
import { type Shop } from './fleet.js'
import { type Ask, HttpClient } from './http-client.js'
import { type Durability, type Ledger } from './ledger.js'
import { type Prices } from './prices.js'
import { outcomeOf, type RequestRecord, textField } from './request-record.js'
import { type Users } from './users.js'
import { type Visit, type Visits } from './visits.js'

/** What the load consists of. */
export interface LoadParts {
  readonly shops: readonly Shop[]
  readonly visits: Visits
  readonly users: Users
  readonly ledger: Ledger
  readonly prices: Prices
  /** Requests a second to each process. */
  readonly rate: number
}

const tickMs = 5

/** Open loop: requests leave at their time, whether or not earlier ones were answered. */
export class Load {
  readonly records: RequestRecord[] = []
  /** The latest that a request left after its time: what this process itself adds to what it measures. */
  lagMs = 0
  readonly #clients: readonly HttpClient[]
  readonly #visits: Visits
  readonly #users: Users
  readonly #ledger: Ledger
  readonly #prices: Prices
  readonly #everyMs: number
  readonly #open = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | undefined
  #dueMs = 0
  #turn = 0

  constructor({ shops, visits, users, ledger, prices, rate }: LoadParts) {
    this.#clients = shops.map(({ url }) => new HttpClient(url))
    this.#visits = visits
    this.#users = users
    this.#ledger = ledger
    this.#prices = prices
    this.#everyMs = 1000 / (rate * shops.length)
  }

  start(): void {
    this.#dueMs = performance.now()
    this.#timer = setInterval(() => this.#sendDue(), tickMs)
  }

  /** Connections that this load holds open to a process. */
  connectionsTo(shop: number): number {
    return this.#clients[shop]?.connections ?? 0
  }

  /** Sends nothing more; resolves when everything is answered or given up. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
    for (const client of this.#clients) client.close()
  }

  #sendDue(): void {
    const now = performance.now()
    for (; this.#dueMs <= now; this.#dueMs += this.#everyMs) {
      this.lagMs = Math.max(this.lagMs, now - this.#dueMs)
      const shop = this.#turn++ % this.#clients.length
      const asked = this.#ask(shop, this.#visits.next()).finally(() => this.#open.delete(asked))
      this.#open.add(asked)
    }
  }

  async #ask(shop: number, visit: Visit): Promise<void> {
    const client = this.#clients[shop]
    if (client === undefined) return
    const { kind, installs, reliesOn, changes } = visit
    const sentAtMs = performance.now()
    const edit = changes === undefined ? undefined : this.#prices.begin(changes, shop, sentAtMs)
    // Whoever would change what is just being changed reads it instead.
    const ask: Ask =
      changes === undefined
        ? visit.ask
        : edit === undefined
          ? { method: 'GET', path: visit.ask.path.replace(/\/[^/]*$/, '') }
          : { ...visit.ask, body: { priceCents: edit.value } }
    const answer =
      reliesOn === undefined
        ? await client.ask(ask)
        : await this.#users.ask(client, vendorOf(reliesOn.id), ask)
    const { milliseconds } = answer
    const judged = outcomeOf(answer)
    if (changes !== undefined && edit !== undefined) {
      this.#prices.settle(changes, edit, judged.outcome === 'ok' ? performance.now() : undefined)
    }
    if (kind === 'products' && judged.outcome === 'ok') {
      for (const [id, price] of pricesIn(answer.body)) this.#prices.judge(id, price, shop, sentAtMs)
    }
    const record: RequestRecord = { kind, shop, sentAtMs, milliseconds, ...judged, reliesOn }
    this.records.push(record)
    if (installs === undefined || judged.outcome !== 'ok') return
    const durability = textField(answer.body, 'durability')
    if (isDurability(durability)) {
      this.#ledger.acknowledge({ id: installs, durability, shop, atMs: performance.now() })
    } else {
      Object.assign(record, { outcome: 'failed', code: 'no durability in the answer' })
    }
  }
}

const Priced = Type.Array(Type.Object({ id: Type.String(), priceCents: Type.Integer() }))

function pricesIn(body: string): (readonly [id: string, priceCents: number])[] {
  return Value.Parse(Priced, JSON.parse(body)).map(({ id, priceCents }) => [id, priceCents])
}

function isDurability(value: string | undefined): value is Durability {
  return value === 'redis' || value === 'buffered'
}
