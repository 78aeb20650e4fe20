import { didYouMean } from '@stayfast/redis-kit'
import { WebhookOptionError } from './errors.js'
import type { HandlerContext, WebhookEvent } from './webhook-event.js'

/** A handler of any payload: what a payload looks like is declared by the app, and checked by nobody. */
export interface AnyHandler {
  // A method, not a property: it takes handlers of every declared payload.
  handle(event: WebhookEvent, context: HandlerContext): unknown
}

/** Stands for every topic of a provider that has no handler of its own. */
const anyTopic = '*'

/** Who handles which events. */
export class Handlers {
  readonly #providers: readonly string[]
  readonly #handlers = new Map<string, AnyHandler>()

  constructor(providers: readonly string[]) {
    this.#providers = providers
  }

  /**
   * @throws STAY_WEBHOOK_OPTION_INVALID for a provider that is not configured, a second handler, or what is
   * no topic or no handler.
   */
  add(provider: string, topic: string, handler: AnyHandler): void {
    const [name, handle]: readonly unknown[] = [topic, Reflect.get(handler, 'handle')]
    if (typeof name !== 'string' || name === '' || typeof handle !== 'function') {
      throw new WebhookOptionError(
        "A handler is added by a provider, a topic such as 'orders/create' or '*', and a function that takes the event.",
      )
    }
    if (!this.#providers.includes(provider)) {
      throw new WebhookOptionError(
        `There is no provider "${provider}" to handle events of. ${didYouMean(provider, this.#providers)}`,
      )
    }
    const key = nameOf(provider, topic)
    if (this.#handlers.has(key)) {
      throw new WebhookOptionError(
        `There is a handler for ${provider} ${topic} already: one event has one handler, which may do several things.`,
      )
    }
    this.#handlers.set(key, handler)
  }

  find(provider: string, topic: string): AnyHandler | undefined {
    return this.#handlers.get(nameOf(provider, topic)) ?? this.#handlers.get(nameOf(provider, anyTopic))
  }
}

function nameOf(provider: string, topic: string): string {
  return `${provider} ${topic}`
}
