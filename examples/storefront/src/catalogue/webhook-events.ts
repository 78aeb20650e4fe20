import type { Database, Queryable, Row } from './database.js'
import { text, timestamp } from './row.js'

/** What is kept of an event. Its token is the same in every run of its handler, and in no other event. */
export interface EventToRecord {
  idempotencyToken: string
  provider: string
  /** The sender's own id. */
  id: string
  topic: string
}

export interface OrderToRecord {
  id: string
  productId: string
  quantity: number
}

/** What became of an event: an order, or a note of why nothing did. */
export type EventOutcome = 'order' | 'noted'

export interface HandledEvent {
  provider: string
  eventId: string
  topic: string
  vendorId: string | null
  outcome: string
  note: string
  handledAt: string
}

/** Longer than any sender repeats an event. */
const KEPT_DAYS = 7
const FORGOTTEN_AT_ONCE = 100

/** The events that shops have told of, each with what became of it, and with its effects exactly once. */
export class WebhookEvents {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  /**
   * Records an order at the product's price and takes it from stock, as a sale that has happened: stock ends
   * at zero. The event's token goes in by the same transaction, so that a handler that runs again, or beside
   * its successor, does nothing twice; and an order that is told of by two events is one order.
   */
  recordOrder(
    event: EventToRecord,
    vendorId: string,
    { id, productId, quantity }: OrderToRecord,
  ): Promise<EventOutcome> {
    return this.#database.transaction(async (transaction) => {
      const unknown = `this vendor has no product ${productId}`
      if (!(await claim(transaction, event, vendorId, unknown))) return outcomeOf(transaction, event)
      const [row] = await transaction.query(
        `with product as (
           select id, price_cents from storefront.products where vendor_id = $1 and id = $2
         ), made as (
           insert into storefront.orders
             (vendor_id, id, product_id, quantity, total_cents, status, created_at)
           select $1, $4, id, $3::integer, price_cents::bigint * $3::integer, 'pending', now() from product
           on conflict do nothing
           returning product_id
         ), taken as (
           update storefront.products set stock = greatest(stock - $3::integer, 0), updated_at = now()
           where vendor_id = $1 and id in (select product_id from made)
         )
         update storefront.webhook_events set outcome = 'order', note = $4
         where token = $5 and exists (select from product)
         returning outcome`,
        [vendorId, productId, quantity, id, event.idempotencyToken],
      )
      return row === undefined ? 'noted' : 'order'
    })
  }

  /** Notes an event of which nothing becomes, or what became of it elsewhere. */
  note(event: EventToRecord, note: string): Promise<void> {
    return this.#database.transaction(async (transaction) => {
      await claim(transaction, event, null, note)
    })
  }

  async isHandled({ idempotencyToken }: EventToRecord): Promise<boolean> {
    const rows = await this.#database.query('select from storefront.webhook_events where token = $1', [
      idempotencyToken,
    ])
    return rows.length > 0
  }

  /** The latest first. */
  async latest(limit: number): Promise<HandledEvent[]> {
    const rows = await this.#database.query(
      `select provider, event_id, topic, vendor_id, outcome, note, handled_at from storefront.webhook_events
       order by handled_at desc, token limit $1`,
      [limit],
    )
    return rows.map(toHandledEvent)
  }
}

/** Whether this is the first run that gets so far; waits for another that is just as far. */
async function claim(
  transaction: Queryable,
  { idempotencyToken, provider, id, topic }: EventToRecord,
  vendorId: string | null,
  note: string,
): Promise<boolean> {
  await transaction.query(
    `delete from storefront.webhook_events where token in (
       select token from storefront.webhook_events where handled_at < now() - make_interval(days => $1)
       limit $2 for update skip locked
     )`,
    [KEPT_DAYS, FORGOTTEN_AT_ONCE],
  )
  const claimed = await transaction.query(
    `insert into storefront.webhook_events (token, provider, event_id, topic, vendor_id, outcome, note)
     values ($1, $2, $3, $4, $5, 'noted', $6) on conflict do nothing returning token`,
    [idempotencyToken, provider, id, topic, vendorId, note],
  )
  return claimed.length > 0
}

async function outcomeOf(transaction: Queryable, { idempotencyToken }: EventToRecord): Promise<EventOutcome> {
  const [row] = await transaction.query('select outcome from storefront.webhook_events where token = $1', [
    idempotencyToken,
  ])
  return row?.['outcome'] === 'order' ? 'order' : 'noted'
}

function toHandledEvent(row: Row): HandledEvent {
  const vendorId = row['vendor_id']
  return {
    provider: text(row, 'provider'),
    eventId: text(row, 'event_id'),
    topic: text(row, 'topic'),
    vendorId: typeof vendorId === 'string' ? vendorId : null,
    outcome: text(row, 'outcome'),
    note: text(row, 'note'),
    handledAt: timestamp(row, 'handled_at'),
  }
}
