import { Bus, Outbox, StampSource, type Intent, type OutboxLogger, type RedisLink } from '@stayfast/redis-kit'
import { performance } from 'node:perf_hooks'
import { isAwayError, sessionUnavailable } from '../errors.js'
import type { SessionAddress } from '../session-id.js'
import { Generation } from './generation.js'
import { Hearing } from './hearing.js'
import { LocalSessions } from './local-sessions.js'
import { RedisSessionStore, type RedisSessionStoreOptions } from './redis-session-store.js'
import {
  endsIt,
  waitingCreation,
  withWaiting,
  type SessionOperation,
  type Waiting,
} from './session-operation.js'
import { replaySessions } from './replay-sessions.js'
import type {
  ChangeTexts,
  Creation,
  Durability,
  ListedSession,
  LoadedSession,
  NewSession,
  SessionStore,
} from './session-store.js'

/** Options of {@link OutageSessionStore}. */
export interface OutageSessionStoreOptions extends Omit<RedisSessionStoreOptions, 'announce'> {
  /** `'local'`: sessions that Redis confirmed lately go on. `'closed'`: nobody is known. */
  readonly onOutage: 'local' | 'closed'
  /** A session goes on if Redis confirmed it at most so long before it went. */
  readonly localTrustSeconds: number
  /** Sessions go on for so long into the outage. */
  readonly localMaxSeconds: number
  /** Sessions that this process remembers for that. */
  readonly maxLocalSessions: number
  /** Writes that may wait for Redis. */
  readonly maxBufferedWrites: number
  readonly logger: OutboxLogger
}

const nothing: Waiting = Object.freeze([])

/** Of the room for what waits, this part is left to ends and revocations. */
const shareForWrites = 0.8

/**
 * Sessions in Redis, remembered in this process, so that those who are signed in stay so while Redis is
 * away, and what is accepted meanwhile is done when it is back.
 *
 * ```
 *   load:    ended here or heard ──► gone (no command)
 *            Redis answers       ──► what it says, with what waits here done to it; its word alone lets in
 *            otherwise           ──► 'local': what Redis confirmed lately ─► 503
 *
 *   save:    nothing waits for the user and link up ──► Redis ── no answer ─┐
 *            otherwise ────────────────────────────────────────────────────┴─► 'local': waits; else 503
 *
 *   destroy, revokeAll: as save, under both policies; and known here at once
 *   create:  Redis, or 503; a visitor's session waits under 'local'
 * ```
 *
 * What waits is kept in order per user. A revocation always wins: it ends what was granted up to its
 * stamp, however late it comes, and a save that comes behind it finds nothing.
 */
export class OutageSessionStore implements SessionStore {
  readonly #options: OutageSessionStoreOptions
  readonly #link: RedisLink
  readonly #redis: RedisSessionStore
  readonly #bus: Bus | undefined
  readonly #hearing: Hearing | undefined
  readonly #locals: LocalSessions
  readonly #outbox: Outbox<SessionOperation>
  readonly #stamps: StampSource
  readonly #generation: Generation | undefined
  readonly #stopListening: readonly (() => void)[]
  #awaySinceMs: number | undefined

  constructor(options: OutageSessionStoreOptions) {
    const { link, keyPrefix, logger } = options
    const local = options.onOutage === 'local'
    this.#options = options
    this.#link = link
    this.#stamps = new StampSource(link.clock)
    this.#bus = local ? new Bus({ link }) : undefined
    this.#hearing = this.#bus === undefined ? undefined : new Hearing(link, this.#bus)
    this.#locals = new LocalSessions({
      bus: this.#bus,
      topic: `sessions:${keyPrefix}`,
      maxEntries: options.maxLocalSessions,
      trustMs: options.localTrustSeconds * 1000,
      maxMs: options.localMaxSeconds * 1000,
      idleMs: options.idleSeconds * 1000,
      absoluteMs: options.absoluteSeconds * 1000,
    })
    this.#redis = new RedisSessionStore({ ...options, announce: this.#locals })
    this.#outbox = new Outbox({
      name: 'session',
      link,
      limit: options.maxBufferedWrites,
      logger,
      replay: (client, _tag, intents) => replaySessions(this.#redis, client, intents),
    })
    this.#generation = local
      ? new Generation({
          link,
          keyPrefix,
          onLost: () => {
            this.#locals.void()
          },
        })
      : undefined
    this.#awaySinceMs = link.status === 'up' ? undefined : performance.now()
    this.#stopListening = [
      link.onChange(({ status }) => {
        if (status === 'up') this.#awaySinceMs = undefined
        else this.#awaySinceMs ??= performance.now()
      }),
      link.onRenewed(() => {
        this.#outbox.repair()
      }),
    ]
  }

  /** Writes that wait for Redis. */
  get buffered(): number {
    return this.#outbox.size
  }

  /** Sessions that this process remembers. */
  get remembered(): number {
    return this.#locals.size
  }

  /**
   * Resolves when this process hears the others, so that what it loads from now on counts in an outage; or
   * after `withinMs`, or when Redis is not there to be heard through.
   */
  async listening(withinMs: number): Promise<void> {
    await this.#hearing?.begun(withinMs)
  }

  async load(address: SessionAddress): Promise<LoadedSession | undefined> {
    if (this.#locals.hasEnded(address)) return undefined
    // What waits now may be done when Redis answers, or not: doing it to the answer is right either way.
    const waiting = this.#outbox.size === 0 ? nothing : [...this.#outbox.pending(address.tag)]
    let loaded: LoadedSession | undefined
    try {
      loaded = await this.#redis.load(address)
    } catch (error) {
      if (this.#locals.hasEnded(address)) return undefined
      this.#locals.unanswered(address)
      const session = isAwayError(error) ? this.#trusted(address) : undefined
      if (session === undefined) throw error
      return { session, verified: false }
    }
    this.#hearing?.look()
    if (loaded === undefined) {
      if (this.#locals.remembers(address)) this.#generation?.check()
      this.#locals.deny(address)
      const nowMs = this.#link.clock.nowUs() / 1000
      const session = waitingCreation(this.#outbox.pending(address.tag), address.digest, nowMs)
      return session === undefined ? undefined : { session, verified: false }
    }
    const { session } = loaded
    if (!this.#locals.confirm(address, session)) return undefined
    if (waiting.length === 0) return loaded
    if (endsIt(waiting, address.digest, session.createdMs)) return undefined
    return { session: withWaiting(waiting, address.digest, session), verified: true }
  }

  async create(address: SessionAddress, session: NewSession): Promise<Creation> {
    const buffering = this.#options.onOutage === 'local' && !session.listed && session.sinceUs === undefined
    if (buffering && this.#link.status !== 'up') return this.#bufferCreation(address, session, 0)
    const untilUs = this.#redis.commands.writeUntilUs()
    try {
      const created = await this.#redis.create(address, session, untilUs)
      this.#hearing?.look()
      if (created.kind === 'created') {
        if (session.replaces !== undefined) this.#locals.end(session.replaces)
        for (const digest of created.evicted) this.#locals.end(digest)
        this.#remember(address, session, created.nowMs)
      }
      return created
    } catch (error) {
      if (!buffering || !isAwayError(error)) throw error
      return this.#bufferCreation(address, session, untilUs ?? 0)
    }
  }

  async save(address: SessionAddress, change: ChangeTexts): Promise<'saved' | 'gone'> {
    if (this.#locals.hasEnded(address)) return 'gone'
    const buffering = this.#options.onOutage === 'local'
    const waiting = this.#outbox.pending(address.tag)
    if (buffering && (waiting.length > 0 || this.#link.status !== 'up')) {
      return this.#bufferSave(address, change, 0)
    }
    const untilUs = this.#redis.commands.writeUntilUs()
    try {
      const saved = await this.#redis.save(address, change, untilUs)
      if (saved === 'gone') this.#locals.end(address.digest)
      else this.#locals.changed(address, change)
      return saved
    } catch (error) {
      if (!buffering || !isAwayError(error)) throw error
      // What was given up may still run until then: what waits here must be newer.
      return this.#bufferSave(address, change, untilUs ?? 0)
    }
  }

  async destroy(
    address: SessionAddress,
  ): Promise<{ readonly existed: boolean; readonly durability: Durability }> {
    const operation: SessionOperation = { kind: 'destroy', address }
    if (this.#outbox.pending(address.tag).length === 0 && this.#link.status === 'up') {
      try {
        const destroyed = await this.#redis.destroy(address)
        this.#locals.end(address.digest)
        this.#outbox.acknowledged(address.tag, { operation, stamp: this.#stamps.next() })
        return destroyed
      } catch (error) {
        if (!isAwayError(error)) throw error
      }
    }
    this.#accept(address.tag, { operation, stamp: this.#stamps.next() })
    this.#locals.end(address.digest)
    return { existed: true, durability: 'buffered' }
  }

  async list(tag: string): Promise<readonly ListedSession[]> {
    const waiting = this.#outbox.pending(tag)
    const sessions = await this.#redis.list(tag)
    return sessions.filter(
      ({ digest, createdMs }) =>
        !this.#locals.hasEnded({ tag, digest, foreign: false }) && !endsIt(waiting, digest, createdMs),
    )
  }

  async revokeAll(
    tag: string,
    except?: string,
  ): Promise<{ readonly revoked: number; readonly durability: Durability }> {
    const operation: SessionOperation = { kind: 'revokeAll', tag, except }
    let cause: unknown = new Error('Redis has not been seen yet')
    if (this.#outbox.pending(tag).length === 0 && this.#link.status === 'up') {
      try {
        const { stamp, ended } = await this.#redis.revoke(tag, except)
        for (const digest of ended) this.#locals.end(digest)
        this.#outbox.acknowledged(tag, { operation, stamp })
        return { revoked: ended.length, durability: 'redis' }
      } catch (error) {
        if (!isAwayError(error)) throw error
        cause = error
      }
    }
    // Without the time of Redis it could not be told what was there when it was accepted.
    if (!this.#link.clock.known) throw this.#unavailable(cause)
    this.#accept(tag, { operation, stamp: this.#stamps.next() })
    this.#locals.endAll(tag, except)
    return { revoked: 0, durability: 'buffered' }
  }

  /**
   * Leaves the bus and tries to get rid of what waits.
   *
   * @returns How many accepted writes are lost with this process.
   */
  async close(flushWithinMs: number): Promise<number> {
    const lost = await this.#outbox.flush(this.#link.status === 'up' ? flushWithinMs : 0)
    this.#hearing?.close()
    for (const stop of this.#stopListening) stop()
    this.#generation?.close()
    this.#outbox.close()
    this.#locals.close()
    await this.#bus?.close()
    return lost
  }

  /** What Redis confirmed lately, unless this process was deaf to the others when Redis last answered. */
  #trusted(address: SessionAddress): LoadedSession['session'] | undefined {
    if (this.#hearing === undefined || this.#hearing.deaf) return undefined
    return this.#locals.trusted(address, this.#awaySinceMs)
  }

  #remember(address: SessionAddress, { about, fields }: NewSession, nowMs: number): void {
    this.#locals.confirm(address, { createdMs: nowMs, seenMs: nowMs, about, fields, nowMs })
  }

  #bufferCreation(address: SessionAddress, session: NewSession, afterUs: number): Creation {
    const nowMs = this.#link.clock.nowUs() / 1000
    this.#acceptWrite(address.tag, {
      operation: { kind: 'create', address, session },
      stamp: this.#stamps.next(afterUs),
    })
    this.#remember(address, session, nowMs)
    return { kind: 'created', nowMs, evicted: [], durability: 'buffered' }
  }

  #bufferSave(address: SessionAddress, change: ChangeTexts, afterUs: number): 'saved' {
    this.#acceptWrite(address.tag, {
      operation: { kind: 'save', address, change },
      stamp: this.#stamps.next(afterUs),
    })
    this.#locals.changed(address, change)
    return 'saved'
  }

  #acceptWrite(tag: string, intent: Intent<SessionOperation>): void {
    if (this.#outbox.size >= this.#options.maxBufferedWrites * shareForWrites) {
      throw this.#unavailable(new Error('too many writes wait for Redis already'))
    }
    this.#accept(tag, intent)
  }

  #accept(tag: string, intent: Intent<SessionOperation>): void {
    try {
      this.#outbox.add(tag, intent)
    } catch (error) {
      throw this.#unavailable(error)
    }
  }

  #unavailable(cause: unknown): Error {
    const error = cause instanceof Error ? cause : new Error(String(cause))
    return isAwayError(error) ? error : sessionUnavailable(error, 'not-sent', this.#options.retryAfterSeconds)
  }
}
