import { performance } from 'node:perf_hooks'

/** The queue of the webhooks, over all processes. */
export interface WebhookNumbers {
  waiting: number
  active: number
  delayed: number
  deadLetters: number
}

/** What is asked of `app.webhooks`. */
export interface WebhookQueue {
  stats(): Promise<{ queue: WebhookNumbers }>
}

/** Asking costs commands. */
const FRESH_MS = 5_000

/** What `app.webhooks` says of its queue, asked now and then; null where there is no answer. */
export class WebhookWatch {
  readonly #webhooks: () => WebhookQueue
  #numbers: WebhookNumbers | null = null
  #askedMs = -Infinity

  /** @param webhooks asked late, so that the order of registration does not matter */
  constructor(webhooks: () => WebhookQueue) {
    this.#webhooks = webhooks
  }

  async numbers(): Promise<WebhookNumbers | null> {
    if (performance.now() - this.#askedMs < FRESH_MS) return this.#numbers
    this.#askedMs = performance.now()
    this.#numbers = await this.#ask()
    return this.#numbers
  }

  async #ask(): Promise<WebhookNumbers | null> {
    try {
      const { queue } = await this.#webhooks().stats()
      const { waiting, active, delayed, deadLetters } = queue
      return { waiting, active, delayed, deadLetters }
    } catch {
      // Redis is away, which the page says elsewhere.
      return null
    }
  }
}
