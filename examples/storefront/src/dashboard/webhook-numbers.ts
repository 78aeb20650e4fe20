import { type FastifyInstance } from 'fastify'
import { performance } from 'node:perf_hooks'

/** The queue of the webhooks, over all processes. */
export interface WebhookNumbers {
  waiting: number
  active: number
  delayed: number
  deadLetters: number
}

interface WebhookQueue {
  stats(): Promise<{ queue: WebhookNumbers }>
}

/** Asking costs commands. */
const FRESH_MS = 5_000

/** What `app.webhooks` says of its queue, asked now and then; null in an app without webhooks or an answer. */
export class WebhookWatch {
  readonly #app: FastifyInstance
  #numbers: WebhookNumbers | null = null
  #askedMs = -Infinity

  constructor(app: FastifyInstance) {
    this.#app = app
  }

  async numbers(): Promise<WebhookNumbers | null> {
    if (performance.now() - this.#askedMs < FRESH_MS) return this.#numbers
    this.#askedMs = performance.now()
    this.#numbers = await this.#ask()
    return this.#numbers
  }

  async #ask(): Promise<WebhookNumbers | null> {
    if (!this.#app.hasDecorator('webhooks')) return null
    try {
      const { queue } = await this.#app.getDecorator<WebhookQueue>('webhooks').stats()
      const { waiting, active, delayed, deadLetters } = queue
      return { waiting, active, delayed, deadLetters }
    } catch {
      // Redis is away, which the page says elsewhere.
      return null
    }
  }
}
