import { performance } from 'node:perf_hooks'

/** The queue of the webhooks, over all processes. */
export interface WebhookNumbers {
  waiting: number
  active: number
  delayed: number
  deadLetters: number
}

/** What this needs of `app.webhooks`. */
export interface WebhookQueue {
  stats(): Promise<{ queue: WebhookNumbers }>
}

/** Asking costs commands. */
const FRESH_MS = 5_000

/** What `app.webhooks` says of its queue, asked now and then; null in an app without webhooks or an answer. */
export class WebhookWatch {
  readonly #queueOf: () => WebhookQueue | undefined
  #numbers: WebhookNumbers | null = null
  #askedMs = -Infinity

  /** @param queueOf is asked when somebody looks, so that the order of registration does not matter */
  constructor(queueOf: () => WebhookQueue | undefined) {
    this.#queueOf = queueOf
  }

  async numbers(): Promise<WebhookNumbers | null> {
    if (performance.now() - this.#askedMs < FRESH_MS) return this.#numbers
    this.#askedMs = performance.now()
    this.#numbers = await this.#ask()
    return this.#numbers
  }

  async #ask(): Promise<WebhookNumbers | null> {
    const webhooks = this.#queueOf()
    if (webhooks === undefined) return null
    try {
      const { queue } = await webhooks.stats()
      const { waiting, active, delayed, deadLetters } = queue
      return { waiting, active, delayed, deadLetters }
    } catch {
      // Redis is away, which the page says elsewhere.
      return null
    }
  }
}
