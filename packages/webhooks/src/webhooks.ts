import type { WebhookCounters } from './counters.js'
import type { DeadLetters } from './queue/dead-letters.js'
import type { QueueNumbers } from './queue/event-queue.js'
import type { PayloadOf, WebhookHandler } from './webhook-event.js'

/** How the webhooks of an app are doing. */
export interface WebhookStats {
  /** Of all processes. */
  readonly queue: QueueNumbers
  /** Of this process, since its start. */
  readonly process: Readonly<WebhookCounters>
}

/** `app.webhooks`. */
export interface Webhooks {
  /**
   * Handles the events of a topic from now on. It may get an event more than once, after a crash or when it
   * fails: `event.idempotencyToken` tells the same event.
   *
   * @param provider - A name of the option `providers`.
   * @param topic - Such as `'orders/create'`, or `'*'` for those that have no handler of their own.
   * @throws STAY_WEBHOOK_OPTION_INVALID for a provider that is not configured, a second handler, or what is
   * no topic or no handler.
   */
  on<Provider extends string, Topic extends string>(
    provider: Provider,
    topic: Topic,
    handler: WebhookHandler<PayloadOf<Provider, Topic>>,
  ): void
  /** Events whose handlers have failed for good. */
  readonly deadLetters: DeadLetters
  /** @throws STAY_WEBHOOK_UNAVAILABLE while Redis is away. */
  stats(): Promise<WebhookStats>
}
