import type { Attempt, QueuedEvent } from './queue/event-queue.js'
import { idempotencyTokenOf } from './event-key.js'

/**
 * What the payloads of events look like, by provider and topic. Empty here; an app that declares its own
 * gets them in its handlers. Nothing checks them at run time.
 *
 * ```ts
 * declare module '@stayfast/webhooks' {
 *   interface WebhookPayloads {
 *     shopify: { 'orders/create': { id: number } }
 *   }
 * }
 * ```
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it is there to be added to
export interface WebhookPayloads {}

/** The payload of a topic: what was declared, else unknown. */
export type PayloadOf<Provider extends string, Topic extends string> = Provider extends keyof WebhookPayloads
  ? Topic extends keyof WebhookPayloads[Provider]
    ? WebhookPayloads[Provider][Topic]
    : unknown
  : unknown

/** An event as its handler gets it. */
export interface WebhookEvent<Payload = unknown> {
  /** The sender's own id of the event. */
  readonly id: string
  /** The name under which the provider is configured. */
  readonly provider: string
  readonly topic: string
  /** Whose event it is: a shop, an installation; `''` where the provider has no tenants. */
  readonly tenantId: string
  readonly payload: Payload
  /** The payload as the JSON text that was sent. */
  readonly body: string
  readonly receivedAt: Date
  /** 1 for the first attempt. */
  readonly attempt: number
  /** An earlier run was cut off, by a crash or a close: what it did is done. */
  readonly repeated: boolean
  /**
   * The same in every run and for every repetition of this event, and for no other: write it with your
   * effects, unique, and a run that comes again changes nothing twice. 46 characters of `[A-Za-z0-9_-]`.
   */
  readonly idempotencyToken: string
}

/** What a handler gets beside the event. */
export interface HandlerContext {
  /**
   * Aborted when the run is in vain: it took too long, the app closes, or another worker has taken the
   * event over. The event is tried again, whether the handler ends or not.
   */
  readonly signal: AbortSignal
}

/** Handles an event; what it throws makes the event be tried again, unless its `canRetry` is false. */
export type WebhookHandler<Payload = unknown> = (
  event: WebhookEvent<Payload>,
  context: HandlerContext,
) => unknown

/** @throws SyntaxError when the body is no JSON, which the provider has checked before. */
export function webhookEventOf(queued: QueuedEvent, attempt: Attempt): WebhookEvent {
  const { id, provider, topic, tenantId, body, receivedAtMs } = queued
  const payload: unknown = JSON.parse(body)
  return {
    id,
    provider,
    topic,
    tenantId,
    payload,
    body,
    receivedAt: new Date(receivedAtMs),
    attempt: attempt.number,
    repeated: attempt.repeated,
    idempotencyToken: idempotencyTokenOf(queued),
  }
}
