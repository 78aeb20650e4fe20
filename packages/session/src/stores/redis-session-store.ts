import {
  isRedisRefused,
  isRedisUnavailable,
  RedisUnavailableError,
  type RedisClient,
  type RedisLink,
} from '@stayfast/redis-kit'
import { sessionUnavailable } from '../errors.js'
import type { SessionAddress } from '../session-id.js'
import { PlainConversion } from './plain-conversion.js'
import { PlainSessions, type LegacyOptions } from './plain-sessions.js'
import { SessionCommands, writeWithinMs, type SessionCommandsOptions } from './session-commands.js'
import type { RevokeReply } from './session-scripts.js'
import type {
  ChangeTexts,
  Creation,
  Durability,
  ListedSession,
  LoadedSession,
  NewSession,
  SessionStore,
} from './session-store.js'
import { parseStoredSession } from './stored-session.js'

/** Options of {@link RedisSessionStore}. */
export interface RedisSessionStoreOptions extends SessionCommandsOptions {
  readonly retryAfterSeconds: number
  /** Sessions of a plain store. */
  readonly legacy?: LegacyOptions | undefined
  /** Told of keys that hold no session. */
  readonly onCorrupt?: (key: string) => void
}

/** Sessions in Redis, and nowhere else; the layout of the keys stands in session-scripts.ts. */
export class RedisSessionStore implements SessionStore {
  /** The same, where whoever asks has the client, and handles what it throws. */
  readonly commands: SessionCommands
  readonly #options: RedisSessionStoreOptions
  readonly #link: RedisLink
  readonly #plain: PlainSessions | undefined
  readonly #conversion: PlainConversion | undefined

  constructor(options: RedisSessionStoreOptions) {
    const { link, legacy } = options
    this.#options = options
    this.#link = link
    this.commands = new SessionCommands(options)
    if (legacy === undefined) return
    this.#plain = new PlainSessions({
      ...legacy,
      link,
      idleMs: options.idleSeconds * 1000,
      renewEveryMs: options.renewEverySeconds * 1000,
    })
    this.#conversion = new PlainConversion({
      link,
      plain: this.#plain,
      own: this.commands,
      marginMs: writeWithinMs,
    })
  }

  async load(address: SessionAddress): Promise<LoadedSession | undefined> {
    const reply = await this.commands.load(address).catch((error: unknown) => {
      throw this.#explain(error)
    })
    if (reply === '') {
      const { id } = address
      const conversion = this.#conversion
      return conversion === undefined || id === undefined
        ? undefined
        : this.#ask(() => conversion.load(address, id))
    }
    const session = parseStoredSession(reply)
    if (session === undefined) {
      this.#options.onCorrupt?.(this.commands.keyOf(address))
      return undefined
    }
    return { session, verified: true }
  }

  /** @param untilUs - When Redis gets to it later than this it does nothing. */
  async create(
    address: SessionAddress,
    session: NewSession,
    untilUs: number | undefined = this.commands.writeUntilUs(),
  ): Promise<Creation> {
    const plain = this.#shared(address)
    if (plain !== undefined && !session.listed) return this.#createPlain(plain, session)
    const reply = await this.#run((client) => this.commands.create(client, address, session, '', untilUs))
    if (reply.kind === 'late') throw this.#late()
    return reply.kind === 'created' ? { ...reply, durability: 'redis' } : { kind: reply.kind }
  }

  /** @param untilUs - When Redis gets to it later than this it does nothing. */
  async save(
    address: SessionAddress,
    change: ChangeTexts,
    untilUs: number | undefined = this.commands.writeUntilUs(),
  ): Promise<'saved' | 'gone'> {
    const plain = this.#shared(address)
    if (plain !== undefined) {
      const saved = await this.#run((client) => plain.sessions.save(client, plain.id, change))
      if (saved === 'saved') return saved
    }
    const reply = await this.#run((client) => this.commands.save(client, address, change, '', untilUs))
    if (reply === 'late') throw this.#late()
    return reply
  }

  async destroy(
    address: SessionAddress,
  ): Promise<{ readonly existed: boolean; readonly durability: Durability }> {
    const existed = await this.#run((client) => this.destroyWith(client, address))
    return { existed, durability: 'redis' }
  }

  /** Ends a session, in whichever format; again does no harm. Throws what the client throws. */
  async destroyWith(client: RedisClient, address: SessionAddress): Promise<boolean> {
    const { id } = address
    // First, so that nobody reads it there and creates it behind us: who has read it before is too late.
    const plain = id === undefined ? false : await this.#plain?.destroy(client, id)
    const existed = await this.commands.destroy(client, address)
    return existed || plain === true
  }

  list(tag: string): Promise<readonly ListedSession[]> {
    return this.#run((client) => this.commands.list(client, tag))
  }

  async revokeAll(
    tag: string,
    except?: string,
  ): Promise<{ readonly revoked: number; readonly durability: Durability }> {
    const { ended } = await this.revoke(tag, except)
    return { revoked: ended.length, durability: 'redis' }
  }

  /** {@link RedisSessionStore.revokeAll}, with what ended. */
  async revoke(tag: string, except?: string): Promise<RevokeReply> {
    const untilUs = this.commands.writeUntilUs()
    const reply = await this.#run((client) => this.commands.revokeAll(client, tag, except, '', untilUs))
    if (reply.stamp === '') throw this.#late()
    return reply
  }

  /** Where a session is kept in the format of the plain store, if sessions are for now. */
  #shared({ id }: SessionAddress): { readonly sessions: PlainSessions; readonly id: string } | undefined {
    const sessions = this.#plain
    return sessions === undefined || sessions.converts || id === undefined ? undefined : { sessions, id }
  }

  async #createPlain(
    { sessions, id }: { readonly sessions: PlainSessions; readonly id: string },
    { fields }: NewSession,
  ): Promise<Creation> {
    const made = await this.#run((client) => sessions.create(client, id, fields))
    const nowMs = this.#link.clock.nowUs() / 1000
    return made ? { kind: 'created', nowMs, evicted: [], durability: 'redis' } : { kind: 'exists' }
  }

  #late(): Error {
    const cause = new RedisUnavailableError(
      'Redis got to the write after it had been given up, and left it undone.',
      { outcome: 'not-sent', status: this.#link.status },
    )
    return sessionUnavailable(cause, 'not-sent', this.#options.retryAfterSeconds)
  }

  #run<Reply>(work: (client: RedisClient) => Promise<Reply>): Promise<Reply> {
    return this.#ask(() => this.#link.run(work))
  }

  async #ask<Reply>(work: () => Promise<Reply>): Promise<Reply> {
    try {
      return await work()
    } catch (error) {
      throw this.#explain(error)
    }
  }

  #explain(error: unknown): unknown {
    const { retryAfterSeconds } = this.#options
    if (isRedisUnavailable(error)) return sessionUnavailable(error, error.outcome, retryAfterSeconds)
    if (isRedisRefused(error)) return sessionUnavailable(error, 'not-sent', retryAfterSeconds)
    return error
  }
}
