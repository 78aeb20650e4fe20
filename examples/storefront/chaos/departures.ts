import { type Shop } from './fleet.js'
import { HttpClient } from './http-client.js'
import { as, type SignedIn, signIn } from './sign-in.js'

/** People who sign out while the fault is played: none of their sessions may be good for anything afterwards. */
export interface DepartureCounts {
  /** Sign-outs that were acknowledged. */
  readonly left: number
  /** Of them, those that the same process let in again. */
  readonly risenHere: number
  /** Those that some process lets in when everything is over. */
  readonly risen: number
}

interface Guest {
  readonly session: SignedIn
  readonly shop: number
}

const everyMs = 1_000
const address = '127.0.0.78'
const guestsAtStart = 12
const askSession = { method: 'GET', path: '/auth/session' } as const

/** Signs people in before the fault, and one of them out each second. */
export class Departures {
  readonly #clients: readonly HttpClient[]
  readonly #present: Guest[] = []
  readonly #gone: Guest[] = []
  readonly #leaving = new Set<Promise<void>>()
  #risenHere = 0
  #timer: NodeJS.Timeout | undefined

  constructor(shops: readonly Shop[]) {
    this.#clients = shops.map(({ url }) => new HttpClient(url, [address]))
  }

  async signIn(vendorIds: readonly string[]): Promise<void> {
    for (let index = 0; index < guestsAtStart; index++) {
      const shop = index % this.#clients.length
      const client = this.#clients[shop]
      const session = client && (await signIn(client, vendorIds[index % vendorIds.length] ?? ''))
      if (session) this.#present.push({ session, shop })
    }
  }

  start(): void {
    this.#timer = setInterval(() => {
      const guest = this.#present.shift()
      if (guest === undefined) return
      const leaving = this.#leave(guest).finally(() => this.#leaving.delete(leaving))
      this.#leaving.add(leaving)
    }, everyMs)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await Promise.all(this.#leaving)
  }

  /** Asks every process for everybody who left. */
  async count(): Promise<DepartureCounts> {
    let risen = 0
    for (const { session } of this.#gone) {
      const answers = await Promise.all(this.#clients.map((client) => client.ask(as(session, askSession))))
      if (answers.some(({ status }) => status === 200)) risen += 1
    }
    return { left: this.#gone.length, risenHere: this.#risenHere, risen }
  }

  close(): void {
    clearInterval(this.#timer)
    for (const client of this.#clients) client.close()
  }

  async #leave(guest: Guest): Promise<void> {
    const client = this.#clients[guest.shop]
    if (client === undefined) return
    const { status } = await client.ask(as(guest.session, { method: 'POST', path: '/auth/logout' }))
    if (status !== 204) return
    this.#gone.push(guest)
    const again = await client.ask(as(guest.session, askSession))
    if (again.status === 200) this.#risenHere += 1
  }
}
