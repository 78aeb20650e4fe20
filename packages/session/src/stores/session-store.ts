import type { SessionAddress } from '../session-id.js'

/** Fields as they are stored: their names, and their values as JSON texts. */
export type FieldTexts = ReadonlyMap<string, string>

/** Changed fields; `undefined` removes one. */
export type ChangeTexts = ReadonlyMap<string, string | undefined>

/** How safe an acknowledged write is: `'redis'` as that Redis is configured, `'buffered'` in this process. */
export type Durability = 'redis' | 'buffered'

/** A session as it is stored. Times are milliseconds of the store's clock. */
export interface StoredSession {
  readonly createdMs: number
  /** When its use was last noted; that is done at most once per interval. */
  readonly seenMs: number
  /** Who it belongs to, as a text that the store does not look into. */
  readonly about: string
  readonly fields: FieldTexts
  /** The store's time at which this was so. */
  readonly nowMs: number
}

/** What a session begins with. */
export interface NewSession {
  readonly about: string
  readonly fields: FieldTexts
  /** It belongs to a user: it is listed, and counts towards the maximum. */
  readonly listed: boolean
  /** A session with the same tag that ends in the same moment. */
  readonly replaces?: string | undefined
  /** The store's time in µs at which it was asked for, now by default; a later revocation of the user wins. */
  readonly sinceUs?: number | undefined
}

/** What became of a creation. */
export type Creation =
  /** `evicted`: the digests of those that had to go, because the user had too many. */
  | {
      readonly kind: 'created'
      readonly nowMs: number
      readonly evicted: readonly string[]
      readonly durability: Durability
    }
  /** There is one already; nothing was changed. */
  | { readonly kind: 'exists' }
  /** The user's sessions were revoked meanwhile. */
  | { readonly kind: 'revoked' }

/** One of a user's sessions. */
export interface ListedSession {
  readonly digest: string
  readonly createdMs: number
  readonly seenMs: number
  readonly about: string
}

/** What `load` answers of a session that is there. */
export interface LoadedSession {
  readonly session: StoredSession
  /** Redis has just said so. False: it was taken from this process's memory, because Redis cannot be asked. */
  readonly verified: boolean
}

/**
 * Where sessions live. A store deals in texts and never looks into a value, so that values can be
 * encrypted. What is gone stays gone: only `create` makes a session, and it changes none that is there.
 *
 * Every method rejects with STAY_SESSION_UNAVAILABLE when Redis could not be asked.
 */
export interface SessionStore {
  /** The session, or undefined when it is gone: ended, revoked, expired, or never there. Counts as use. */
  load(address: SessionAddress): Promise<LoadedSession | undefined>
  create(address: SessionAddress, session: NewSession): Promise<Creation>
  /** Changes these fields and no others; never brings a session back. */
  save(address: SessionAddress, change: ChangeTexts): Promise<'saved' | 'gone'>
  /** Ends a session. */
  destroy(address: SessionAddress): Promise<{ readonly existed: boolean; readonly durability: Durability }>
  /** The sessions of a user, the oldest first. Does not count as use. */
  list(tag: string): Promise<readonly ListedSession[]>
  /**
   * Ends all sessions of a user but one, and refuses those whose creation is still on its way.
   *
   * @returns How many ended, as far as is known here.
   */
  revokeAll(
    tag: string,
    except?: string,
  ): Promise<{ readonly revoked: number; readonly durability: Durability }>
}
