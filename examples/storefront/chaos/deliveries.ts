import { createHmac } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { type Database } from '../dist/catalogue/database.js'
import { openCatalogue } from '../dist/catalogue/open-catalogue.js'
import { SeededRandom } from '../dist/catalogue/seeded-random.js'
import { type Shop } from './fleet.js'
import { HttpClient } from './http-client.js'

/** What became of the webhooks that were sent. */
export interface DeliveryCounts {
  /** Events; each is sent once, or several times. */
  readonly sent: number
  /** Answered 202 or 200: the sender may forget them. */
  readonly accepted: number
  /** Answered 200: known already. */
  readonly duplicates: number
  /** Answered 503 with Retry-After. */
  readonly deferred: number
  /** Answered otherwise, or not at all. */
  readonly failed: number
  /** Accepted, and no order in the end. */
  readonly lost: number
  /** Pieces that were taken from stock beyond those that the orders name. */
  readonly doubled: number
}

/** Both processes check signatures with it. */
export const webhookSecret = 'the secret of the chaos run’s sender'
const everyMs = 150
const address = '127.0.0.79'
/** Of 100 events, so many are sent again a moment later. */
const repeatedShare = 30
const repeatedAfterMs = 400
const drainMs = 15_000
const pollMs = 250
/** What is ordered, and nothing else does: of each vendor, and how much of each there is. */
const [firstProduct, lastProduct] = [201, 260] as const
const plenty = 1_000_000

const instanceOf = (vendor: number): string => `00000000-0000-4000-8000-00000000000${vendor}`

interface Sent {
  readonly id: string
  readonly body: string
  accepted: boolean
}

/** A shop system that sends orders, some of them twice, to either process. */
export class Deliveries {
  readonly #clients: readonly HttpClient[]
  readonly #random: SeededRandom
  readonly #run: string
  readonly #events: Sent[] = []
  readonly #open = new Set<Promise<void>>()
  readonly #counts = { duplicates: 0, deferred: 0, failed: 0 }
  #timer: NodeJS.Timeout | undefined
  #turn = 0

  constructor(shops: readonly Shop[], seed: number) {
    this.#clients = shops.map(({ url }) => new HttpClient(url, [address]))
    this.#random = new SeededRandom(seed)
    // All runs share a catalogue.
    this.#run = `${Date.now().toString(36)}-${seed.toString(36)}`
  }

  /** Installs the app for the vendors, and fills the stock. */
  async prepare(databaseUrl: string): Promise<void> {
    const [client] = this.#clients
    for (const vendor of [1, 2, 3]) {
      await client?.ask({ method: 'GET', path: `/dashboard?instance=${instanceOf(vendor)}` })
    }
    await withCatalogue(databaseUrl, (database) =>
      database.query('update storefront.products set stock = $1 where number between $2 and $3', [
        plenty,
        firstProduct,
        lastProduct,
      ]),
    )
  }

  start(): void {
    this.#timer = setInterval(() => {
      const number = this.#events.length + 1
      const vendor = this.#random.integer(1, 3)
      const id = `${this.#run}-${number}`
      const productId = `p-${vendor}-${this.#random.integer(firstProduct, lastProduct)}`
      const event = { id, body: JSON.stringify({ id, productId, quantity: 1 }), accepted: false }
      this.#events.push(event)
      this.#follow(this.#send(event, vendor))
      if (this.#random.integer(1, 100) <= repeatedShare) {
        setTimeout(() => {
          this.#follow(this.#send(event, vendor))
        }, repeatedAfterMs)
      }
    }, everyMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await delay(repeatedAfterMs)
    await Promise.all(this.#open)
    for (const client of this.#clients) client.close()
  }

  /** Waits until what was accepted has become orders, or no more does. */
  count(databaseUrl: string): Promise<DeliveryCounts> {
    return withCatalogue(databaseUrl, async (database) => {
      const accepted = this.#events.filter((event) => event.accepted).map(({ id }) => `generic-${id}`)
      const untilMs = performance.now() + drainMs
      let lost = accepted.length
      while (lost > 0 && performance.now() < untilMs) {
        const orders = await database.query('select id from storefront.orders where id = any($1::text[])', [
          accepted,
        ])
        lost = accepted.length - orders.length
        if (lost > 0) await delay(pollMs)
      }
      // What was not accepted may have become an order all the same; it was taken from stock once as well.
      const [figures] = await database.query(
        `select
           (select sum($1 - stock) from storefront.products where number between $2 and $3)::integer as taken,
           (select count(*) from storefront.orders where id like $4)::integer as ordered`,
        [plenty, firstProduct, lastProduct, `generic-${this.#run}-%`],
      )
      const { taken, ordered } = Value.Parse(Figures, figures)
      return {
        sent: this.#events.length,
        accepted: accepted.length,
        ...this.#counts,
        lost,
        doubled: taken - ordered,
      }
    })
  }

  #follow(sending: Promise<void>): void {
    const followed = sending.finally(() => this.#open.delete(followed))
    this.#open.add(followed)
  }

  async #send(event: Sent, vendor: number): Promise<void> {
    const client = this.#clients[this.#turn++ % this.#clients.length]
    if (client === undefined) return
    const { status, retryAfter } = await client.ask({
      method: 'POST',
      path: '/webhooks/generic',
      body: event.body,
      headers: {
        'x-signature': createHmac('sha256', webhookSecret).update(event.body).digest('hex'),
        'x-webhook-id': event.id,
        'x-topic': 'orders/create',
        'x-tenant': instanceOf(vendor),
      },
    })
    if (status === 202 || status === 200) event.accepted = true
    if (status === 200) this.#counts.duplicates += 1
    else if (status === 503 && retryAfter) this.#counts.deferred += 1
    else if (status !== 202) this.#counts.failed += 1
  }
}

const Figures = Type.Object({ taken: Type.Integer(), ordered: Type.Integer() })

async function withCatalogue<Result>(
  url: string,
  use: (database: Database) => Promise<Result>,
): Promise<Result> {
  const database = await openCatalogue({ kind: 'postgres', url }, () => undefined)
  try {
    return await use(database)
  } finally {
    await database.close()
  }
}
