import { type Shop } from './fleet.js'
import { HttpClient } from './http-client.js'

/** What a visitor got who asks for more than there is. */
export interface AdmissionCounts {
  /** What one address may ask for in the window. */
  readonly max: number
  readonly admitted: number
  readonly denied: number
}

/** What one address may ask for in 15 minutes: more than the load asks for, less than this visitor does. */
export const limitMax = 250
const address = '127.0.0.77'
const everyMs = 20

/** One address that asks both processes in turns, and never stops. */
export class GreedyVisitor {
  readonly #clients: readonly HttpClient[]
  readonly #open = new Set<Promise<void>>()
  #admitted = 0
  #denied = 0
  #turn = 0
  #timer: NodeJS.Timeout | undefined

  constructor(shops: readonly Shop[]) {
    this.#clients = shops.map(({ url }) => new HttpClient(url, [address]))
  }

  get counts(): AdmissionCounts {
    return { max: limitMax, admitted: this.#admitted, denied: this.#denied }
  }

  start(): void {
    this.#timer = setInterval(() => {
      const client = this.#clients[this.#turn++ % this.#clients.length]
      if (client === undefined) return
      const asked = this.#ask(client).finally(() => this.#open.delete(asked))
      this.#open.add(asked)
    }, everyMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#open)
    for (const client of this.#clients) client.close()
  }

  async #ask(client: HttpClient): Promise<void> {
    const { status } = await client.ask({ method: 'GET', path: '/nowhere' })
    if (status === 404) this.#admitted += 1
    if (status === 429) this.#denied += 1
  }
}
