import type { SessionStore as CallbackStore } from '@fastify/session'
import type { FieldCipher } from '@stayfast/redis-kit'
import type { Session } from 'fastify'
import { attach, Attachment, attachmentOf } from './attachment.js'
import { isAwayError, RevokedMeanwhileError, SessionExistsError } from './errors.js'
import { sessionCipher } from './session-cipher.js'
import { decodeAbout, encodeAbout, type SessionAbout } from './session-about.js'
import {
  attachmentName,
  changeBetween,
  changedFields,
  checkSize,
  fieldTexts,
  fieldValues,
} from './session-fields.js'
import { addressOf, newSessionId, type SessionAddress } from './session-id.js'
import type { FieldTexts, ListedSession, LoadedSession, SessionStore } from './stores/session-store.js'

/** Which tenant a visitor's session is good for. */
export type TenantLookup = () => string | undefined | Promise<string | undefined>

/** Stands for the name of a field where it says whose the session is: no field is called so. */
const aboutName = 'about\u0000'

/** What of a logger is used here. */
export interface SessionLogger {
  error(details: object, message: string): void
}

/** Options of {@link FastifySessionStore}. */
export interface FastifySessionStoreOptions {
  /** Asked with each call, because where Redis is can be known later. */
  readonly store: () => SessionStore
  readonly maxBytes: number
  /** Encrypts what the sessions hold on their way to the store. */
  readonly cipher?: FieldCipher
  readonly logger?: (() => SessionLogger | undefined) | undefined
  /** Resolves when the store can do all it promises, or soon, when Redis is not there. */
  readonly ready?: () => Promise<void>
  /** Ends what the store holds open. */
  readonly close?: () => Promise<void>
}

/**
 * The store that \@fastify/session talks to: callbacks on one side, a `SessionStore` on the other.
 * Which fields a request has changed it finds by comparing with what the session was loaded from, which
 * stays with the session object (attachment.ts). So a save never creates a session that is gone, two
 * writers of different fields lose nothing, and a save of nothing new costs nothing.
 *
 * What is gone at a save is no error, for the handler has run already: the cookie is cleared.
 */
export class FastifySessionStore implements CallbackStore {
  readonly #options: FastifySessionStoreOptions
  readonly #cipher: FieldCipher
  readonly #tenants = new WeakMap<object, TenantLookup>()
  /**
   * Set by the plugin: a session that cannot be told now is answered as such, for the guards to decide,
   * and not as an error, which would fail open routes as well.
   *
   * @internal
   */
  answerAway = false
  /**
   * Set by the plugin before a request's session is loaded: the fields come with the attachment, to be put
   * into the session object by the plugin, so that @fastify/session has nothing to copy and to hash.
   *
   * @internal
   */
  handOver = false

  /** @internal */
  constructor(options: FastifySessionStoreOptions) {
    this.#options = options
    this.#cipher = options.cipher ?? sessionCipher()
  }

  readonly #tags = new WeakMap<object, string>()

  /** Makes ids for \@fastify/session; give it as the option `idGenerator`. */
  readonly idGenerator = (request?: object): string =>
    newSessionId(request === undefined ? undefined : this.#tags.get(request))

  /**
   * While `make` runs, new ids of this request are those of a user's sessions.
   *
   * @internal
   */
  withTag(request: object, tag: string, make: () => void): void {
    this.#tags.set(request, tag)
    try {
      make()
    } finally {
      this.#tags.delete(request)
    }
  }

  /**
   * Where the sessions live.
   *
   * @internal
   */
  get sessions(): SessionStore {
    return this.#options.store()
  }

  /** Resolves when Redis is connected, or after half a second; for `onReady`, so that the first requests find it. */
  async ready(): Promise<void> {
    await this.#options.ready?.()
  }

  /** Ends what the store holds open; the Redis client of the app stays as it is. */
  async close(): Promise<void> {
    await this.#options.close?.()
  }

  get(id: string, callback: (error: unknown, session?: Session | null) => void): void {
    if (isProbe(id, this)) {
      callback(null, null)
      return
    }
    const handOver = this.handOver
    this.handOver = false
    this.#tell(this.#open(addressOf(id), handOver), callback)
  }

  set(id: string, session: Session, callback: (error?: unknown) => void): void {
    this.#tell(this.save(id, session), callback)
  }

  destroy(id: string, callback: (error?: unknown) => void): void {
    this.#tell(
      this.end(addressOf(id)).then(() => undefined),
      callback,
    )
  }

  /**
   * Stores what has changed of a session object.
   *
   * @internal
   */
  async save(id: string, session: Session): Promise<void> {
    const attachment = attachmentOf(session)
    const address = addressOf(id)
    if (attachment === undefined || attachment.address.digest !== address.digest) {
      await this.begin(session, address, { tenantId: await this.#tenants.get(session)?.() })
      return
    }
    const { state } = attachment
    if (state.kind === 'ended') {
      expireCookie(session)
      return
    }
    const after = fieldTexts(session)
    const change = changeBetween(attachment.baseline, after)
    if (change.size === 0) return
    // What cannot be seen is not overwritten.
    if (state.kind === 'away') throw state.cause
    checkSize(after, this.#options.maxBytes)
    const encrypted = this.#cipher.encryptAll(address.digest, change)
    if ((await this.sessions.save(address, encrypted)) === 'saved') {
      attachment.baseline = changedFields(attachment.baseline, change)
    } else {
      attachment.state = { kind: 'ended' }
      expireCookie(session)
    }
  }

  /**
   * Stores a session object for the first time.
   *
   * @param replaces - Of the same user, and ends in the same moment.
   * @throws STAY_SESSION_EXISTS, STAY_SESSION_REVOKED
   * @internal
   */
  async begin(
    session: Session,
    address: SessionAddress,
    about: SessionAbout,
    replaces?: SessionAddress,
  ): Promise<Attachment> {
    const fields = fieldTexts(session)
    checkSize(fields, this.#options.maxBytes)
    const created = await this.sessions.create(address, {
      about: this.#encryptAbout(address.digest, about),
      fields: this.#cipher.encryptAll(address.digest, fields),
      listed: about.userId !== undefined,
      replaces: replaces?.digest,
    })
    if (created.kind === 'exists') throw new SessionExistsError()
    if (created.kind === 'revoked') throw new RevokedMeanwhileError()
    const attachment = new Attachment(address, {
      about,
      createdMs: created.nowMs,
      nowMs: created.nowMs,
      baseline: fields,
      state: { kind: 'stored', verified: true },
    })
    attach(session, attachment)
    return attachment
  }

  /**
   * Says which tenant a session object will be good for, should it be stored.
   *
   * @internal
   */
  bindNew(session: Session, lookup: TenantLookup): void {
    this.#tenants.set(session, lookup)
  }

  /**
   * What is known of a listed session beside its fields.
   *
   * @internal
   */
  aboutListed({ digest, about }: ListedSession): SessionAbout {
    try {
      return decodeAbout(this.#decryptAbout(digest, about)) ?? {}
    } catch (error) {
      // It can still be ended, and the others be listed.
      this.#tellUnreadable(error)
      return {}
    }
  }

  /**
   * Ends a session, here and everywhere.
   *
   * @internal
   */
  end(address: SessionAddress): ReturnType<SessionStore['destroy']> {
    return this.sessions.destroy(address)
  }

  /**
   * Tells a callback what came out. What it throws itself, such as for a cookie that cannot be written, is told
   * to it as an error: then one request fails, and not the process.
   */
  #tell<Value>(work: Promise<Value>, callback: (error: unknown, value?: Value) => void): void {
    work
      .then((value) => {
        callback(null, value)
      })
      .catch((error: unknown) => {
        callback(error)
      })
      .catch((error: unknown) => {
        this.#options.logger?.()?.error({ err: error }, 'session: a request could not even be failed.')
      })
  }

  async #open(address: SessionAddress, handOver: boolean): Promise<Session | null> {
    let loaded: LoadedSession | undefined
    try {
      loaded = await this.sessions.load(address)
    } catch (error) {
      if (!this.answerAway || !isAwayError(error)) throw error
      return withAttachment(
        {},
        new Attachment(address, {
          about: {},
          createdMs: 0,
          nowMs: 0,
          baseline: new Map(),
          state: { kind: 'away', cause: error },
        }),
      )
    }
    return loaded === undefined ? null : this.#restore(address, loaded, handOver)
  }

  #encryptAbout(digest: string, about: SessionAbout): string {
    const text = encodeAbout(about)
    return text === '' ? text : this.#cipher.encrypt(digest, aboutName, text)
  }

  #decryptAbout(digest: string, text: string): string {
    return this.#cipher.decrypt(digest, aboutName, text)
  }

  #decryptAll(digest: string, fields: FieldTexts): FieldTexts {
    if (!this.#cipher.active) return fields
    return new Map([...fields].map(([name, text]) => [name, this.#cipher.decrypt(digest, name, text)]))
  }

  /** A session that cannot be read is none: nobody is let in by it. */
  #restore(address: SessionAddress, { session, verified }: LoadedSession, handOver: boolean): Session | null {
    try {
      const about = decodeAbout(this.#decryptAbout(address.digest, session.about))
      if (about === undefined) throw new SyntaxError('whose it is cannot be read')
      const fields = this.#decryptAll(address.digest, session.fields)
      const values = fieldValues(fields)
      const attachment = new Attachment(address, {
        about,
        createdMs: session.createdMs,
        nowMs: session.nowMs,
        baseline: readableFields(fields, values),
        state: { kind: 'stored', verified },
      })
      if (!handOver) return withAttachment(values, attachment)
      attachment.values = values
      return withAttachment({}, attachment)
    } catch (error) {
      this.#tellUnreadable(error)
      return null
    }
  }

  #tellUnreadable(error: unknown): void {
    this.#options
      .logger?.()
      ?.error({ err: error }, 'session: a stored session cannot be read and counts as ended.')
  }
}

/** The texts as JSON.stringify makes them of the values, so that what nobody touched is no change. */
function readableFields(fields: FieldTexts, values: Readonly<Record<string, unknown>>): FieldTexts {
  if (Object.keys(values).length === fields.size) return fields
  const readable = new Map<string, string>()
  for (const [name, text] of fields) if (Object.hasOwn(values, name)) readable.set(name, text)
  return readable
}

/** For \@fastify/session, which copies enumerable properties only. Its cookie is made from the options. */
function withAttachment(values: object, attachment: Attachment): Session {
  return Object.assign({ cookie: { originalMaxAge: null } }, values, { [attachmentName]: attachment })
}

/** The reply to a request whose session is gone takes the cookie away. */
function expireCookie(session: Session): void {
  session.cookie.expires = new Date(0)
}

let probed: { readonly id: string; found: FastifySessionStore | undefined } | undefined

function isProbe(id: string, store: FastifySessionStore): boolean {
  if (probed?.id !== id) return false
  probed.found = store
  return true
}

/** Which of our stores, if any, answers when `ask` makes somebody load the session with that id. */
export function storeThatAnswers(id: string, ask: () => void): FastifySessionStore | undefined {
  const probe = { id, found: undefined }
  probed = probe
  try {
    ask()
  } finally {
    probed = undefined
  }
  return probe.found
}
