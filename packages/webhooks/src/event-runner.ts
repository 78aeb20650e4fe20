import type { WebhookCounters } from './counters.js'
import { HandlerMissingError } from './errors.js'
import type { Handlers } from './handlers.js'
import type { Attempt, OnFailure, QueuedEvent } from './queue/event-queue.js'
import { runHandler } from './run-handler.js'
import { webhookEventOf } from './webhook-event.js'

/** Options of {@link EventRunner}. */
export interface EventRunnerOptions {
  readonly handlers: Handlers
  readonly handlerTimeoutMs: number
  /** Called once an event was handled. */
  readonly settle: (event: QueuedEvent) => Promise<void>
  readonly counters: WebhookCounters
  readonly logger: {
    warn(details: object, message: string): void
    error(details: object, message: string): void
  }
}

/** Runs the handlers of events, and tells of those that fail. */
export class EventRunner {
  readonly #options: EventRunnerOptions

  constructor(options: EventRunnerOptions) {
    this.#options = options
  }

  readonly run = async (queued: QueuedEvent, attempt: Attempt): Promise<void> => {
    const { handlers, handlerTimeoutMs, settle, counters } = this.#options
    const handler = handlers.find(queued.provider, queued.topic)
    if (handler === undefined) {
      throw Object.assign(new HandlerMissingError(queued.provider, queued.topic), { canRetry: false })
    }
    if (attempt.repeated) counters.repeated += 1
    const event = webhookEventOf(queued, attempt)
    await runHandler(handler, event, { signal: attempt.signal, timeoutMs: handlerTimeoutMs })
    await settle(queued)
    counters.handled += 1
  }

  readonly failed: OnFailure = (event, error, { attempt, final }) => {
    const { counters, logger } = this.#options
    const { provider, topic, tenantId, id } = event
    const details = { err: error, provider, topic, tenantId, eventId: id, attempt }
    counters.failed += 1
    if (final) {
      counters.deadLettered += 1
      logger.error(details, 'webhooks: an event could not be handled and is kept as a dead letter')
    } else logger.warn(details, 'webhooks: a handler failed; the event is tried again')
  }
}
