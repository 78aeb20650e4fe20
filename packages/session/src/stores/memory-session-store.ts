import { SessionStoreFullError } from '../errors.js'
import type { SessionAddress } from '../session-id.js'
import type { SessionLifetimes } from './session-commands.js'
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

/** Options of {@link MemorySessionStore}. */
export interface MemorySessionStoreOptions extends SessionLifetimes {
  /** At the limit new sessions are refused; none that was accepted is dropped. */
  readonly maxSessions: number
  /** Milliseconds; for tests. */
  readonly clock?: { now(): number }
}

interface Kept {
  readonly address: SessionAddress
  readonly createdMs: number
  readonly listed: boolean
  readonly about: string
  readonly fields: Map<string, string>
  seenMs: number
  grantedUs: number
}

/** Sessions in this process: for development, and for an app that has no Redis. They die with it. */
export class MemorySessionStore implements SessionStore {
  readonly #options: MemorySessionStoreOptions
  readonly #clock: { now(): number }
  readonly #sessions = new Map<string, Kept>()
  /** Digests of a user's sessions, the oldest first. */
  readonly #ofUser = new Map<string, Set<string>>()
  readonly #watermarks = new Map<string, { readonly us: number; readonly untilMs: number }>()
  #lastUs = 0

  constructor(options: MemorySessionStoreOptions) {
    this.#options = options
    this.#clock = options.clock ?? Date
  }

  /** Sessions that are kept, those included that have expired and were not met since. */
  get size(): number {
    return this.#sessions.size
  }

  load({ digest }: SessionAddress): Promise<LoadedSession | undefined> {
    const kept = this.#alive(digest)
    if (kept === undefined) return Promise.resolve(undefined)
    const nowMs = this.#clock.now()
    if (nowMs - kept.seenMs >= this.#options.renewEverySeconds * 1000) kept.seenMs = nowMs
    const session: StoredSession = {
      createdMs: kept.createdMs,
      seenMs: kept.seenMs,
      about: kept.about,
      fields: new Map(kept.fields),
      nowMs,
    }
    return Promise.resolve({ session, verified: true })
  }

  // Async, so that what is thrown inside rejects, as it does with Redis.
  // eslint-disable-next-line @typescript-eslint/require-await
  async create(address: SessionAddress, session: NewSession): Promise<Creation> {
    const { tag, digest } = address
    if (this.#alive(digest) !== undefined) return { kind: 'exists' }
    const watermark = this.#watermarks.get(tag)
    if (watermark !== undefined && session.sinceUs !== undefined && session.sinceUs <= watermark.us) {
      return { kind: 'revoked' }
    }
    if (session.replaces !== undefined) this.#drop(session.replaces)
    const evicted = session.listed ? this.#makeRoomForUser(tag) : []
    this.#makeRoom()
    const nowMs = this.#clock.now()
    this.#sessions.set(digest, {
      address,
      createdMs: nowMs,
      seenMs: nowMs,
      listed: session.listed,
      about: session.about,
      fields: new Map(session.fields),
      grantedUs: this.#nextUs(),
    })
    if (session.listed) {
      const digests = this.#ofUser.get(tag) ?? new Set()
      this.#ofUser.set(tag, digests)
      digests.add(digest)
    }
    return { kind: 'created', nowMs, evicted, durability: 'buffered' }
  }

  save({ digest }: SessionAddress, change: ChangeTexts): Promise<'saved' | 'gone'> {
    const kept = this.#alive(digest)
    if (kept === undefined) return Promise.resolve('gone')
    for (const [name, text] of change) {
      if (text === undefined) kept.fields.delete(name)
      else kept.fields.set(name, text)
    }
    return Promise.resolve('saved')
  }

  destroy(address: SessionAddress): Promise<{ readonly existed: boolean; readonly durability: Durability }> {
    const existed = this.#alive(address.digest) !== undefined
    this.#drop(address.digest)
    if (address.foreign) this.#mark(address.tag)
    return Promise.resolve({ existed, durability: 'buffered' })
  }

  list(tag: string): Promise<readonly ListedSession[]> {
    const sessions = [...(this.#ofUser.get(tag) ?? [])].flatMap((digest) => {
      const kept = this.#alive(digest)
      return kept === undefined
        ? []
        : [{ digest, createdMs: kept.createdMs, seenMs: kept.seenMs, about: kept.about }]
    })
    return Promise.resolve(sessions)
  }

  revokeAll(
    tag: string,
    except?: string,
  ): Promise<{ readonly revoked: number; readonly durability: Durability }> {
    this.#mark(tag)
    let revoked = 0
    for (const digest of [...(this.#ofUser.get(tag) ?? [])]) {
      const kept = this.#sessions.get(digest)
      if (digest === except && kept !== undefined) kept.grantedUs = this.#nextUs()
      else {
        if (this.#alive(digest) !== undefined) revoked += 1
        this.#drop(digest)
      }
    }
    return Promise.resolve({ revoked, durability: 'buffered' })
  }

  #mark(tag: string): void {
    this.#purgeWatermarks()
    // Behind the others, which are in the order of their end.
    this.#watermarks.delete(tag)
    this.#watermarks.set(tag, {
      us: this.#nextUs(),
      untilMs: this.#clock.now() + this.#options.absoluteSeconds * 1000,
    })
  }

  #nextUs(): number {
    this.#lastUs = Math.max(this.#clock.now() * 1000, this.#lastUs + 1)
    return this.#lastUs
  }

  #alive(digest: string): Kept | undefined {
    const kept = this.#sessions.get(digest)
    if (kept === undefined) return undefined
    const { idleSeconds, absoluteSeconds } = this.#options
    const nowMs = this.#clock.now()
    const ended =
      nowMs >= kept.createdMs + absoluteSeconds * 1000 || nowMs >= kept.seenMs + idleSeconds * 1000
    if (!ended) return kept
    this.#drop(digest)
    return undefined
  }

  #drop(digest: string): void {
    const kept = this.#sessions.get(digest)
    if (kept === undefined) return
    this.#sessions.delete(digest)
    const digests = this.#ofUser.get(kept.address.tag)
    digests?.delete(digest)
    if (digests?.size === 0) this.#ofUser.delete(kept.address.tag)
  }

  #makeRoomForUser(tag: string): readonly string[] {
    const alive = [...(this.#ofUser.get(tag) ?? [])].filter((digest) => this.#alive(digest) !== undefined)
    const evicted = alive.slice(0, Math.max(0, alive.length - this.#options.maxSessionsPerUser + 1))
    for (const digest of evicted) this.#drop(digest)
    return evicted
  }

  #makeRoom(): void {
    const { maxSessions } = this.#options
    if (this.#sessions.size < maxSessions) return
    for (const digest of [...this.#sessions.keys()]) this.#alive(digest)
    if (this.#sessions.size >= maxSessions) throw new SessionStoreFullError(maxSessions)
  }

  /** One for each revocation of the last days; those that nothing can fall under any more go. */
  #purgeWatermarks(): void {
    const nowMs = this.#clock.now()
    for (const [tag, { untilMs }] of this.#watermarks) {
      if (untilMs > nowMs) return
      this.#watermarks.delete(tag)
    }
  }
}
