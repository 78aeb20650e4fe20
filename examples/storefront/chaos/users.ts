import { type Shop } from './fleet.js'
import { type Answer, type Ask, HttpClient } from './http-client.js'
import { as, type SignedIn, signIn } from './sign-in.js'

/**
 * The signed-in vendors. Each signs in once, at either process, and is then known to both; who is told to be
 * signed out signs in again, as a person would.
 */
export class Users {
  readonly #clients: readonly HttpClient[]
  readonly #sessions = new Map<string, SignedIn>()
  readonly #signingIn = new Map<string, Promise<void>>()
  readonly #signsIn: boolean
  #turn = 0

  /** @param signsIn false for an app that knows no users */
  constructor(shops: readonly Shop[], signsIn: boolean) {
    this.#clients = shops.map(({ url }) => new HttpClient(url))
    this.#signsIn = signsIn
  }

  /** Signs them all in. */
  async signIn(vendorIds: readonly string[]): Promise<void> {
    if (this.#signsIn) await Promise.all(vendorIds.map((vendorId) => this.#signIn(vendorId)))
  }

  /** Asks in the name of a vendor. A 401 passes, and has the vendor sign in again meanwhile. */
  async ask(client: HttpClient, vendorId: string, ask: Ask): Promise<Answer> {
    const session = this.#sessions.get(vendorId)
    const answer = await client.ask(session === undefined ? ask : as(session, ask))
    if (this.#signsIn && answer.status === 401 && this.#sessions.get(vendorId) === session) {
      void this.#signIn(vendorId)
    }
    return answer
  }

  close(): void {
    for (const client of this.#clients) client.close()
  }

  #signIn(vendorId: string): Promise<void> {
    const already = this.#signingIn.get(vendorId)
    if (already !== undefined) return already
    const signing = this.#begin(vendorId).finally(() => this.#signingIn.delete(vendorId))
    this.#signingIn.set(vendorId, signing)
    return signing
  }

  async #begin(vendorId: string): Promise<void> {
    const client = this.#clients[this.#turn++ % this.#clients.length]
    const session = client === undefined ? undefined : await signIn(client, vendorId)
    if (session !== undefined) this.#sessions.set(vendorId, session)
  }
}
