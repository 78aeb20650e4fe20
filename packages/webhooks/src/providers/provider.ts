import type { IncomingHttpHeaders } from 'node:http'

/** A request as it came, before anything is believed. */
export interface Delivery {
  readonly headers: IncomingHttpHeaders
  /** The bytes that were sent: signatures are over these. */
  readonly body: Buffer
  /** Now, by the clock of Redis where it is known. */
  readonly nowMs: number
}

/** What a provider reads out of a delivery that it believes. */
export interface VerifiedEvent {
  /** The sender's own id of the event, the same in each repetition. 1 to 500 characters. */
  readonly id: string
  /** What it is about, such as `'orders/create'`. 1 to 500 characters. */
  readonly topic: string
  /** Whose event it is: a shop, an installation; `''` where the provider has no tenants. */
  readonly tenantId: string
  /** The payload as JSON text. */
  readonly body: string
  /** Any text that is equal for repetitions of one event and for nothing else, such as a hash of the body. */
  readonly fingerprint: string
}

/** What becomes of a delivery. Reasons are logged, and never told to the sender of what is not signed. */
export type Verdict =
  | { readonly kind: 'verified'; readonly event: VerifiedEvent }
  /** Not signed by whom it says it comes from: 401. */
  | { readonly kind: 'unsigned'; readonly reason: string }
  /** Signed, and yet no event: 400. */
  | { readonly kind: 'unreadable'; readonly reason: string }

/** A sender of webhooks: how its signatures are made, and where its events have their id. */
export interface WebhookProvider {
  /**
   * What becomes of a delivery. What is no {@link Verdict}, or an event without one of its texts, is
   * STAY_WEBHOOK_PROVIDER_INVALID: 500, so that the sender comes again.
   */
  verify(delivery: Delivery): Verdict | Promise<Verdict>
}

/** A delivery that is not believed. */
export function unsigned(reason: string): Verdict {
  return { kind: 'unsigned', reason }
}

/** A delivery that is believed and makes no sense. */
export function unreadable(reason: string): Verdict {
  return { kind: 'unreadable', reason }
}

/** A header that was sent once and is not empty. */
export function headerOf({ headers }: Delivery, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' && value !== '' ? value : undefined
}
