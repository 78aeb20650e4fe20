import { LRUCache } from 'lru-cache'
import { LoginInvalidError } from './errors.js'

/** Who signs in. */
export interface SessionUser {
  /** As the app knows its users; unique over all tenants. */
  readonly userId: string
  /** The tenant that the session is good for; without it, every one. */
  readonly tenantId?: string | null | undefined
  readonly roles?: readonly string[] | undefined
}

/** Who is signed in: `request.principal`. */
export interface Principal {
  readonly userId: string
  readonly tenantId: string | undefined
  readonly roles: readonly string[]
  /** What names this session in a list and for `revoke`. It is not the secret in the cookie. */
  readonly sessionId: string
  /** When the user signed in, ms since 1970. */
  readonly signedInMs: number
}

/** What is known of a session beside its fields. */
export interface SessionAbout {
  readonly userId?: string | undefined
  readonly tenantId?: string | undefined
  readonly roles?: readonly string[] | undefined
  /** What the browser calls itself. */
  readonly device?: string | undefined
}

/** A text that says so; empty where there is nothing to say. */
export function encodeAbout({ userId, tenantId, roles, device }: SessionAbout): string {
  const text = JSON.stringify({
    u: userId,
    t: tenantId,
    r: roles?.length === 0 ? undefined : roles,
    d: device,
  })
  return text === '{}' ? '' : text
}

/** What was read lately: it is the same with each request of a session. */
const decoded = new LRUCache<string, SessionAbout>({ max: 10_000 })
/** Memory is not for who sends long names. */
const longestRemembered = 512

/** Reads it back; undefined when it is none of ours. */
export function decodeAbout(text: string): SessionAbout | undefined {
  if (text === '') return {}
  const known = decoded.get(text)
  if (known !== undefined) return known
  const about = decodeText(text)
  if (about !== undefined && text.length <= longestRemembered) decoded.set(text, about)
  return about
}

function decodeText(text: string): SessionAbout | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (!isRecord(value)) return undefined
    const { u, t, r, d } = value
    if (![u, t, d].every((each) => each === undefined || typeof each === 'string')) return undefined
    if (r !== undefined && !isTexts(r)) return undefined
    const roles = Object.freeze(r ?? [])
    return Object.freeze({ userId: asText(u), tenantId: asText(t), roles, device: asText(d) })
  } catch {
    return undefined
  }
}

/** {@link SessionUser} with nothing left out. */
export interface CheckedUser {
  readonly userId: string
  readonly tenantId: string | undefined
  readonly roles: readonly string[]
}

/** @throws STAY_SESSION_LOGIN_INVALID */
export function checkUser(user: SessionUser): CheckedUser {
  // Unknown at run time: apps in plain JavaScript pass what they like.
  const given: unknown = user
  if (!isRecord(given)) throw new LoginInvalidError('login takes { userId, tenantId, roles }')
  const { userId, tenantId, roles } = given
  if (!isUserId(userId)) {
    throw new LoginInvalidError('userId is a text that is not empty, of whole characters')
  }
  if (tenantId !== undefined && tenantId !== null && (typeof tenantId !== 'string' || tenantId === '')) {
    throw new LoginInvalidError('tenantId is a text that is not empty, or left out')
  }
  if (roles !== undefined && !isTexts(roles)) throw new LoginInvalidError('roles is a list of texts')
  return { userId, tenantId: tenantId ?? undefined, roles: roles ?? [] }
}

/** Of half characters UTF-8 knows one only: users whose ids differ in them would be one. */
export function isUserId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !/\p{Cs}/u.test(value)
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function asText(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string')
}
