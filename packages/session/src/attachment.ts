import type { AwayError } from './errors.js'
import type { Principal, SessionAbout } from './session-about.js'
import { attachmentName } from './session-fields.js'
import { handleOf, type SessionAddress } from './session-id.js'
import type { FieldTexts } from './stores/session-store.js'

/**
 * What a session object knows of where it came from. It decides what a save may do: an object without one
 * was never stored and may create; one that has one only ever changes fields.
 *
 * ```
 *   (none) ── created ──► stored ── saved and found gone, or destroyed ──► ended: saves do nothing
 *   away: the store could not be asked: nothing is known, and nothing may be written
 * ```
 */
export type AttachmentState =
  | { readonly kind: 'stored'; readonly verified: boolean }
  | { readonly kind: 'ended' }
  | { readonly kind: 'away'; readonly cause: AwayError }

/** See {@link AttachmentState}. */
export class Attachment {
  readonly address: SessionAddress
  readonly about: SessionAbout
  readonly createdMs: number
  /** How old the session was when it was loaded, by the clock of the store. */
  readonly ageMs: number
  state: AttachmentState
  /** The fields as they are in the store, as far as this request knows. */
  baseline: FieldTexts
  /** The cookie has to be sent again, although nothing changed. */
  reissue = false
  #principal: Principal | null | undefined

  constructor(
    address: SessionAddress,
    stored: {
      readonly about: SessionAbout
      readonly createdMs: number
      readonly nowMs: number
      readonly baseline: FieldTexts
      readonly state: AttachmentState
    },
  ) {
    this.address = address
    this.about = stored.about
    this.createdMs = stored.createdMs
    this.ageMs = stored.nowMs - stored.createdMs
    this.baseline = stored.baseline
    this.state = stored.state
  }

  /** Who is signed in; null for a visitor, and once the session has ended. */
  get principal(): Principal | null {
    if (this.state.kind !== 'stored') return null
    this.#principal ??= this.#makePrincipal()
    return this.#principal
  }

  /** Leaves it out of what JSON.stringify says of a session. */
  toJSON(): undefined {
    return undefined
  }

  #makePrincipal(): Principal | null {
    const { userId, tenantId, roles } = this.about
    if (userId === undefined) return null
    return Object.freeze({
      userId,
      tenantId,
      roles: Object.freeze([...(roles ?? [])]),
      sessionId: handleOf(this.address),
      signedInMs: this.createdMs,
    })
  }
}

/** What a session object was loaded from, or stored as; undefined for one that is new. */
export function attachmentOf(session: object | null | undefined): Attachment | undefined {
  const attachment: unknown =
    session === null || session === undefined ? undefined : Reflect.get(session, attachmentName)
  return attachment instanceof Attachment ? attachment : undefined
}

/** Notes it on a session object, where no loop over its fields meets it. */
export function attach(session: object, attachment: Attachment): void {
  Object.defineProperty(session, attachmentName, {
    value: attachment,
    enumerable: false,
    writable: true,
    configurable: true,
  })
}
