import { Keyspace, stampUs, type RedisClient, type RedisLink } from '@stayfast/redis-kit'
import type { SessionAddress } from '../session-id.js'
import { BatchedLoads } from './batched-loads.js'
import { endedPlaceholder, type LocalSessions } from './local-sessions.js'
import {
  createScript,
  destroyScript,
  listScript,
  revokeAllScript,
  saveScript,
  type CreateReply,
  type RevokeReply,
} from './session-scripts.js'
import type { ChangeTexts, ListedSession, NewSession } from './session-store.js'

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

/** Options of {@link SessionCommands}. */
export interface SessionCommandsOptions extends SessionLifetimes {
  readonly link: RedisLink
  readonly keyPrefix: string
  /** Tells the other processes of sessions that end. */
  readonly announce?: Pick<LocalSessions, 'announcement'>
}

/** A command that is given up with the link's deadline; Redis is told not to do it later than this. */
export const writeWithinMs = 1000

const kind = 'sess'

function fieldArguments(fields: ChangeTexts): string[] {
  return [...fields].flatMap(([name, text]) => [JSON.stringify(name), text ?? ''])
}

/**
 * What Redis is asked about sessions: the scripts of session-scripts.ts, with their keys and arguments. A
 * stamp is that of an intent that waited, or '' for now. All throw what the client throws.
 */
export class SessionCommands {
  readonly #options: SessionCommandsOptions
  readonly #link: RedisLink
  readonly #keyspace: Keyspace
  readonly #loads: BatchedLoads
  readonly #idleMs: number
  readonly #absoluteMs: number
  #revokedUs = 0

  constructor(options: SessionCommandsOptions) {
    this.#options = options
    this.#link = options.link
    this.#idleMs = options.idleSeconds * 1000
    this.#absoluteMs = options.absoluteSeconds * 1000
    this.#keyspace = new Keyspace(() => options.link.keyPrefix + options.keyPrefix)
    this.#loads = new BatchedLoads(options.link, [
      this.#idleMs,
      this.#absoluteMs,
      options.renewEverySeconds * 1000,
    ])
  }

  /** Redis time in µs after which a write that is sent now must not be done; undefined while it is unknown. */
  writeUntilUs(): number | undefined {
    const { clock } = this.#link
    return clock.known ? clock.nowUs() + writeWithinMs * 1000 : undefined
  }

  /** Where a session is kept. */
  keyOf({ tag, digest }: SessionAddress): string {
    return this.#key(tag, digest)
  }

  /** What is stored, as {@link parseStoredSession} reads it; '' for nothing. Loads of one turn share a command. */
  load({ tag, digest }: SessionAddress): Promise<string> {
    return this.#loads.load(this.#key(tag, digest), this.#key(tag, 'w'))
  }

  /** @param untilUs - When Redis gets to it later than this it does nothing. */
  create(
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

  /** @param untilUs - When Redis gets to it later than this it does nothing. */
  save(
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

  /** Whether there was a session to end; ending it again does no harm. */
  async destroy(client: RedisClient, { tag, digest, foreign }: SessionAddress): Promise<boolean> {
    // A session that was read in another format can be on its way here: its tag, which is its own, is closed.
    const existed = await destroyScript.run(
      client,
      [this.#key(tag, digest), this.#key(tag, 'w'), this.#key(tag, 'i')],
      [digest, foreign ? this.#absoluteMs : '', ...this.#telling(tag)],
    )
    return existed === 1
  }

  /** @param untilUs - When Redis gets to it later than this it does nothing, and answers no stamp. */
  async revokeAll(
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

  async list(client: RedisClient, tag: string): Promise<readonly ListedSession[]> {
    const reply = await listScript.run(
      client,
      [this.#key(tag, 'w'), this.#key(tag, 'i')],
      [this.#idleMs, this.#absoluteMs],
    )
    const sessions: ListedSession[] = []
    for (let at = 0; at + 3 < reply.length; at += 4) {
      const [digest = '', created, seen, about = ''] = reply.slice(at, at + 4)
      sessions.push({ digest, createdMs: Number(created), seenMs: Number(seen), about })
    }
    return sessions
  }

  /** The time of Redis as it is known here, later than every revocation that this process has seen. */
  #nowUs(): number | undefined {
    const { clock } = this.#link
    return clock.known ? Math.max(clock.nowUs(), this.#revokedUs + 1) : undefined
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
}
