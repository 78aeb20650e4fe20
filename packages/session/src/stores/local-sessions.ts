import type { Bus, Subscription } from '@stayfast/redis-kit'
import { LRUCache } from 'lru-cache'
import { performance } from 'node:perf_hooks'
import type { SessionAddress } from '../session-id.js'
import { changedFields } from '../session-fields.js'
import type { ChangeTexts, StoredSession } from './session-store.js'

/** Options of {@link LocalSessions}. */
export interface LocalSessionsOptions {
  /** Tells of sessions that end in other processes. Without it nothing is ever trusted. */
  readonly bus: Bus | undefined
  readonly topic: string
  readonly maxEntries: number
  /** A copy counts for something if Redis has confirmed it at most so long before the outage. */
  readonly trustMs: number
  /** And for so long into the outage. */
  readonly maxMs: number
  readonly idleMs: number
  readonly absoluteMs: number
}

/** A load that is under way; see {@link LocalSessions.begin}. */
export interface PendingLoad {
  readonly address: SessionAddress
  /** The session ended while Redis was asked for it. */
  ended: boolean
}

interface Copy {
  readonly tag: string
  readonly session: StoredSession
  readonly verifiedAtMs: number
  /** The period between two losses of the subscription in which it was verified. */
  readonly period: number
  /** Redis was asked for this one since, and did not answer. */
  failingSinceMs: number | undefined
}

/** Stands in a message for what only a script knows: the handles of what ended, separated by commas. */
export const endedPlaceholder = '~ended~'

/**
 * What this process remembers of sessions, for when Redis cannot be asked. It never answers for Redis
 * while that can be asked.
 *
 * ```
 *   (unknown) ── loaded from Redis ──► trusted ── older than trustMs when Redis went, or maxMs into the
 *       ▲                                │ │      outage, or the subscription was lost since ──► unknown
 *       │                                │ └── ended or revoked: here, or heard ──► ended, for good
 *       └── Redis came back empty ───────┘
 * ```
 *
 * What has ended is remembered as such: an answer of Redis that is overtaken by it counts for nothing,
 * and in an outage it is known not to be there.
 */
export class LocalSessions {
  readonly #options: LocalSessionsOptions
  readonly #copies: LRUCache<string, Copy>
  readonly #ended: LRUCache<string, true>
  readonly #pending = new Map<string, Set<PendingLoad>>()
  readonly #subscription: Subscription | undefined
  #period = 0

  constructor(options: LocalSessionsOptions) {
    this.#options = options
    this.#copies = new LRUCache({ max: options.maxEntries })
    this.#ended = new LRUCache({ max: options.maxEntries, ttl: options.absoluteMs })
    this.#subscription = options.bus?.on(options.topic, {
      onMessage: (payload) => {
        this.#hear(payload)
      },
      onRevalidate: () => {
        // Ends may have been missed: nothing counts before Redis has confirmed it again.
        this.#period += 1
      },
    })
  }

  /** Sessions that are remembered. */
  get size(): number {
    return this.#copies.size
  }

  /** Whether the session is known to have ended, which is for good. */
  hasEnded({ digest }: SessionAddress): boolean {
    return this.#ended.has(digest)
  }

  /** Whether there is a copy, however old. */
  remembers({ digest }: SessionAddress): boolean {
    return this.#copies.has(digest)
  }

  /** Call before Redis is asked; then {@link LocalSessions.keep} or {@link LocalSessions.fail}. */
  begin(address: SessionAddress): PendingLoad {
    const load: PendingLoad = { address, ended: false }
    const loads = this.#pending.get(address.digest) ?? new Set()
    this.#pending.set(address.digest, loads)
    loads.add(load)
    return load
  }

  /**
   * Ends a load with what Redis said.
   *
   * @returns False when the session has ended meanwhile: what Redis said is outdated.
   */
  keep(load: PendingLoad, session: StoredSession | undefined): boolean {
    this.#forget(load)
    if (load.ended) return false
    if (session === undefined) this.#copies.delete(load.address.digest)
    else this.confirmed(load.address, session)
    return true
  }

  /** Ends a load that Redis did not answer. */
  fail(load: PendingLoad): void {
    this.#forget(load)
    const copy = this.#copies.get(load.address.digest)
    if (copy !== undefined) copy.failingSinceMs ??= performance.now()
  }

  /** Redis has just said that the session is so. */
  confirmed({ tag, digest }: SessionAddress, session: StoredSession): void {
    if (this.#options.bus === undefined || this.#ended.has(digest)) return
    this.#copies.set(digest, {
      tag,
      session,
      verifiedAtMs: performance.now(),
      period: this.#period,
      failingSinceMs: undefined,
    })
  }

  /** This process has changed it. */
  changed({ digest }: SessionAddress, change: ChangeTexts): void {
    const copy = this.#copies.get(digest)
    if (copy === undefined) return
    const session = { ...copy.session, fields: changedFields(copy.session.fields, change) }
    this.#copies.set(digest, { ...copy, session })
  }

  /**
   * The session, where what is remembered of it counts.
   *
   * @param awaySinceMs - When Redis went, monotonic; undefined while it is there for others.
   */
  trusted({ digest }: SessionAddress, awaySinceMs: number | undefined): StoredSession | undefined {
    const copy = this.#copies.get(digest)
    if (copy?.period !== this.#period) return undefined
    const { trustMs, maxMs, idleMs, absoluteMs } = this.#options
    const { session, verifiedAtMs } = copy
    const atMs = performance.now()
    const sinceMs = awaySinceMs ?? copy.failingSinceMs ?? atMs
    if (sinceMs - verifiedAtMs > trustMs || atMs - sinceMs > maxMs) return undefined
    const nowMs = session.nowMs + atMs - verifiedAtMs
    if (nowMs >= session.createdMs + absoluteMs || nowMs >= session.seenMs + idleMs) return undefined
    return { ...session, nowMs }
  }

  /** It has ended, for good. */
  end(digest: string): void {
    this.#ended.set(digest, true)
    this.#copies.delete(digest)
    for (const load of this.#pending.get(digest) ?? []) load.ended = true
  }

  /** All of a user that are remembered have ended, but one. */
  endAll(tag: string, except: string | undefined): void {
    for (const [digest, copy] of this.#copies.entries()) {
      if (copy.tag === tag && digest !== except) this.end(digest)
    }
  }

  /** Nothing that is remembered counts any more. */
  void(): void {
    this.#copies.clear()
  }

  /** What a script publishes when sessions end, with a placeholder for which. */
  announcement(): Announcement {
    const { bus, topic } = this.#options
    return bus?.announcement(topic, endedPlaceholder) ?? nobody
  }

  close(): void {
    this.#subscription?.close()
    this.#copies.clear()
  }

  #hear(payload: string): void {
    for (const handle of payload.split(',')) {
      const digest = handle.split('.')[1]
      if (digest !== undefined) this.end(digest)
    }
  }

  #forget(load: PendingLoad): void {
    const { digest } = load.address
    const loads = this.#pending.get(digest)
    loads?.delete(load)
    if (loads?.size === 0) this.#pending.delete(digest)
  }
}

/** A message, and where it is published; an empty channel for nobody. */
export interface Announcement {
  readonly channel: string
  readonly message: string
}

const nobody: Announcement = Object.freeze({ channel: '', message: '' })
