import {
  isRedisRefused,
  isRedisUnavailable,
  Keyspace,
  RedisUnavailableError,
  stampUs,
  type RedisClient,
  type RedisLink,
} from '@stayfast/redis-kit'
import { sessionUnavailable } from '../errors.js'
import type { SessionAddress } from '../session-id.js'
import { BatchedLoads } from './batched-loads.js'
import { endedPlaceholder, type LocalSessions } from './local-sessions.js'
import { PlainConversion } from './plain-conversion.js'
import { PlainSessions, type LegacyOptions } from './plain-sessions.js'
import {
  createScript,
  destroyScript,
  listScript,
  revokeAllScript,
  saveScript,
  type CreateReply,
  type RevokeReply,
} from './session-scripts.js'
import type {
  ChangeTexts,
  Creation,
  Durability,
  ListedSession,
  LoadedSession,
  NewSession,
  SessionStore,
  StoredSession,
} from './session-store.js'
import { parseStoredSession } from './stored-session.js'

/** What all stores need to know of sessions. */
export interface SessionLifetimes {
  /** A session that is not used for so long ends. */
  readonly idleSeconds: number
  /** A session ends so long after it began, used or not. */
  readonly absoluteSeconds: number
  /** Use is noted at most once in so long. */
  readonly renewEverySeconds: number
  /** Sessions that a user may have at the same time; the oldest goes. */
  readonly maxSessionsPerUser: number
}

/** Options of {@link RedisSessionStore}. */
export interface RedisSessionStoreOptions extends SessionLifetimes {
  readonly link: RedisLink
  readonly keyPrefix: string
  readonly retryAfterSeconds: number
  /** Sessions of a plain store. */
  readonly legacy?: LegacyOptions | undefined
  /** Tells the other processes of sessions that end. */
  readonly announce?: Pick<LocalSessions, 'announcement'>
  /** Told of keys that hold no session. */
  readonly onCorrupt?: (key: string) => void
}

const kind = 'sess'
/** A write is given up with the link's deadline; Redis is told not to do it later than this. */
const writeWithinMs = 1000

function fieldArguments(fields: ChangeTexts): string[] {
  return [...fields].flatMap(([name, text]) => [JSON.stringify(name), text ?? ''])
}

/** Sessions in Redis, and nowhere else; the layout of the keys stands in session-scripts.ts. */
export class RedisSessionStore implements SessionStore {
  readonly #options: RedisSessionStoreOptions
  readonly #link: RedisLink
  readonly #keyspace: Keyspace
  readonly #loads: BatchedLoads
  readonly #idleMs: number
  readonly #absoluteMs: number
  readonly #plain: PlainSessions | undefined
  readonly #conversion: PlainConversion | undefined
  #revokedUs = 0

  constructor(options: RedisSessionStoreOptions) {
    this.#options = options
    this.#link = options.link
    this.#idleMs = options.idleSeconds * 1000
    this.#absoluteMs = options.absoluteSeconds * 1000
    this.#keyspace = new Keyspace(() => options.link.keyPrefix + options.keyPrefix)
    this.#plain =
      options.legacy === undefined
        ? undefined
        : new PlainSessions({
            ...options.legacy,
            link: options.link,
            idleMs: this.#idleMs,
            renewEveryMs: options.renewEverySeconds * 1000,
          })
    this.#conversion =
      this.#plain === undefined
        ? undefined
        : new PlainConversion({ link: options.link, plain: this.#plain, own: this, marginMs: writeWithinMs })
    this.#loads = new BatchedLoads(options.link, [
      this.#idleMs,
      this.#absoluteMs,
      options.renewEverySeconds * 1000,
    ])
  }

  async load(address: SessionAddress): Promise<LoadedSession | undefined> {
    const { tag, digest, id } = address
    const key = this.#key(tag, digest)
    const reply = await this.#loads.load(key, this.#key(tag, 'w')).catch((error: unknown) => {
      throw this.#explain(error)
    })
    if (reply === '') {
      const conversion = this.#conversion
      return conversion === undefined || id === undefined
        ? undefined
        : this.#ask(() => conversion.load(address, id))
    }
    const session = parseStoredSession(reply)
    if (session === undefined) {
      this.#options.onCorrupt?.(key)
      return undefined
    }
    return { session, verified: true }
  }

  /** @param untilUs - When Redis gets to it later than this it does nothing. */
  async create(
    address: SessionAddress,
    session: NewSession,
    untilUs: number | undefined = this.writeUntilUs(),
  ): Promise<Creation> {
    const plain = this.#shared(address)
    if (plain !== undefined && !session.listed) return this.#createPlain(plain, session)
    const reply = await this.#ask(() =>
      this.#link.run((client) => this.createStamped(client, address, session, '', untilUs)),
    )
    if (reply.kind === 'late') throw this.#late()
    return reply.kind === 'created' ? { ...reply, durability: 'redis' } : { kind: reply.kind }
  }

  /** @param untilUs - When Redis gets to it later than this it does nothing. */
  async save(
    address: SessionAddress,
    change: ChangeTexts,
    untilUs: number | undefined = this.writeUntilUs(),
  ): Promise<'saved' | 'gone'> {
    const plain = this.#shared(address)
    if (plain !== undefined) {
      const saved = await this.#ask(() =>
        this.#link.run((client) => plain.sessions.save(client, plain.id, change)),
      )
      if (saved === 'saved') return saved
    }
    const reply = await this.#ask(() =>
      this.#link.run((client) => this.saveStamped(client, address, change, '', untilUs)),
    )
    if (reply === 'late') throw this.#late()
    return reply
  }

  async destroy(
    address: SessionAddress,
  ): Promise<{ readonly existed: boolean; readonly durability: Durability }> {
    const existed = await this.#ask(() => this.#link.run((client) => this.destroyWith(client, address)))
    return { existed, durability: 'redis' }
  }

  async list(tag: string): Promise<readonly ListedSession[]> {
    const reply = await this.#ask(() =>
      this.#link.run((client) =>
        listScript.run(client, [this.#key(tag, 'w'), this.#key(tag, 'i')], [this.#idleMs, this.#absoluteMs]),
      ),
    )
    const sessions: ListedSession[] = []
    for (let at = 0; at + 3 < reply.length; at += 4) {
      const [digest = '', created, seen, about = ''] = reply.slice(at, at + 4)
      sessions.push({ digest, createdMs: Number(created), seenMs: Number(seen), about })
    }
    return sessions
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
    const untilUs = this.writeUntilUs()
    const reply = await this.#ask(() =>
      this.#link.run((client) => this.revokeStamped(client, tag, except, '', untilUs)),
    )
    if (reply.stamp === '') throw this.#late()
    return reply
  }

  /** Redis time in µs after which a write that is sent now must not be done; undefined while it is unknown. */
  writeUntilUs(): number | undefined {
    const { clock } = this.#link
    return clock.known ? clock.nowUs() + writeWithinMs * 1000 : undefined
  }

  /** A session in our own format. Throws what the client throws. */
  async loadOwn({ tag, digest }: SessionAddress): Promise<StoredSession | undefined> {
    return parseStoredSession(await this.#loads.load(this.#key(tag, digest), this.#key(tag, 'w')))
  }

  /** Creates with the stamp of an intent, or '' for now. Throws what the client throws. */
  createStamped(
    client: RedisClient,
    { tag, digest }: SessionAddress,
    session: NewSession,
    stamp: string,
    untilUs?: number,
  ): Promise<CreateReply> {
    const { maxSessionsPerUser } = this.#options
    return createScript.run(
      client,
      [this.#key(tag, digest), this.#key(tag, 'w'), this.#key(tag, 'i')],
      [
        untilUs ?? '',
        session.sinceUs ?? (stamp === '' ? this.#nowUs() : undefined) ?? '',
        stamp,
        this.#idleMs,
        this.#absoluteMs,
        session.listed ? maxSessionsPerUser : 0,
        digest,
        session.replaces ?? '',
        ...this.#telling(tag),
        session.about,
        ...fieldArguments(session.fields),
      ],
    )
  }

  /** Saves with the stamp of an intent, or '' for now. Throws what the client throws. */
  saveStamped(
    client: RedisClient,
    { tag, digest }: SessionAddress,
    change: ChangeTexts,
    stamp: string,
    untilUs?: number,
  ): Promise<'saved' | 'gone' | 'late'> {
    return saveScript.run(
      client,
      [this.#key(tag, digest), this.#key(tag, 'w')],
      [untilUs ?? '', stamp, ...fieldArguments(change)],
    )
  }

  /** Ends a session; again does no harm. Throws what the client throws. */
  async destroyWith(client: RedisClient, { tag, digest, foreign, id }: SessionAddress): Promise<boolean> {
    // First, so that nobody reads it there and creates it behind us: who has read it before is too late.
    const plain = id === undefined ? false : await this.#plain?.destroy(client, id)
    // A session that was read in another format can be on its way here: its tag, which is its own, is closed.
    const existed = await destroyScript.run(
      client,
      [this.#key(tag, digest), this.#key(tag, 'w'), this.#key(tag, 'i')],
      [digest, foreign ? this.#absoluteMs : '', ...this.#telling(tag)],
    )
    return existed === 1 || plain === true
  }

  /** Revokes with the stamp of an intent, or '' for now. Throws what the client throws. */
  async revokeStamped(
    client: RedisClient,
    tag: string,
    except: string | undefined,
    stamp: string,
    untilUs?: number,
  ): Promise<RevokeReply> {
    const reply = await revokeAllScript.run(
      client,
      [this.#key(tag, 'w'), this.#key(tag, 'i')],
      [untilUs ?? '', stamp, except ?? '', this.#absoluteMs, ...this.#telling(tag)],
    )
    this.#revokedUs = Math.max(this.#revokedUs, stampUs(reply.stamp))
    return reply
  }

  /** The time of Redis as it is known here, later than every revocation that this process has seen. */
  #nowUs(): number | undefined {
    const { clock } = this.#link
    return clock.known ? Math.max(clock.nowUs(), this.#revokedUs + 1) : undefined
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
    const made = await this.#ask(() => this.#link.run((client) => sessions.create(client, id, fields)))
    const nowMs = this.#link.clock.nowUs() / 1000
    return made ? { kind: 'created', nowMs, evicted: [], durability: 'redis' } : { kind: 'exists' }
  }

  /** How a script tells of what ends. */
  #telling(tag: string): readonly [tag: string, channel: string, message: string, placeholder: string] {
    const { channel = '', message = '' } = this.#options.announce?.announcement() ?? {}
    return [tag, channel, message, endedPlaceholder]
  }

  #key(tag: string, part: string): string {
    // Digests, like tags, are made of letters, digits, - and _ alone, and need no escaping.
    return this.#keyspace.inSlot(kind, tag, '') + part
  }

  #late(): Error {
    const cause = new RedisUnavailableError(
      'Redis got to the write after it had been given up, and left it undone.',
      { outcome: 'not-sent', status: this.#link.status },
    )
    return sessionUnavailable(cause, 'not-sent', this.#options.retryAfterSeconds)
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
