import type { RedisLink } from '@stayfast/redis-kit'
import { changeBetween } from '../session-fields.js'
import type { SessionAddress } from '../session-id.js'
import type { PlainSession, PlainSessions } from './plain-sessions.js'
import type { SessionCommands } from './session-commands.js'
import type { LoadedSession, NewSession } from './session-store.js'
import { parseStoredSession } from './stored-session.js'

/** Options of {@link PlainConversion}. */
export interface PlainConversionOptions {
  readonly link: RedisLink
  readonly plain: PlainSessions
  /** Where sessions are in our own format. */
  readonly own: SessionCommands
  /** How late a command may still run that was sent before. */
  readonly marginMs: number
}

/**
 * Loads sessions that a plain store has left, and moves them to our own format, unless they are to stay:
 * created here before they are removed there, while processes with the plain store go on writing.
 */
export class PlainConversion {
  readonly #link: RedisLink
  readonly #plain: PlainSessions
  readonly #own: SessionCommands
  readonly #marginMs: number

  constructor({ link, plain, own, marginMs }: PlainConversionOptions) {
    this.#link = link
    this.#plain = plain
    this.#own = own
    this.#marginMs = marginMs
  }

  /** A session that was not there in our own format. Throws what the client throws. */
  async load(address: SessionAddress, id: string): Promise<LoadedSession | undefined> {
    // Well before: a session that ends after this is not created behind its end.
    const sinceUs = this.#link.clock.nowUs() - this.#marginMs * 1000
    const found = await this.#link.run((client) => this.#plain.read(client, id))
    // Between the two looks another process may have converted it, which creates before it removes.
    if (found === undefined) return this.#loadOwn(address)
    const nowMs = this.#link.clock.nowUs() / 1000
    const loaded: LoadedSession = {
      session: { createdMs: nowMs, seenMs: nowMs, about: '', fields: found.fields, nowMs },
      verified: true,
    }
    if (!this.#plain.converts) return loaded
    const session: NewSession = { about: '', fields: found.fields, listed: false, sinceUs }
    const created = await this.#link.run((client) => this.#own.create(client, address, session, ''))
    if (created.kind === 'revoked') return undefined
    if (created.kind === 'exists') return this.#loadOwn(address)
    return this.#takeOver(address, id, found, loaded)
  }

  /** Removes what was converted, with what a process with the plain store has written meanwhile. */
  async #takeOver(
    address: SessionAddress,
    id: string,
    found: PlainSession,
    loaded: LoadedSession,
  ): Promise<LoadedSession | undefined> {
    const left = await this.#link.run((client) => this.#plain.remove(client, id, found))
    if (left === 'removed') return loaded
    const newer = left === 'gone' ? undefined : await this.#link.run((client) => this.#plain.read(client, id))
    if (newer === undefined) {
      // It ended there before it was all here.
      await this.#link.run((client) => this.#own.destroy(client, address))
      return undefined
    }
    const change = changeBetween(found.fields, newer.fields)
    await this.#link.run((client) => this.#own.save(client, address, change, ''))
    const after = { ...loaded, session: { ...loaded.session, fields: newer.fields } }
    return this.#takeOver(address, id, newer, after)
  }

  async #loadOwn(address: SessionAddress): Promise<LoadedSession | undefined> {
    const session = parseStoredSession(await this.#own.load(address))
    return session === undefined ? undefined : { session, verified: true }
  }
}
