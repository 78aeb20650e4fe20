import { createHash } from 'node:crypto'
import { unreadable, type Verdict, type VerifiedEvent } from './provider.js'

/** Ids and topics are parts of keys and lines of logs: what is longer than this is no id. */
const longest = 500

/** Equal for equal parts in the same order, and for nothing else. */
export function fingerprintOf(...parts: readonly (string | Buffer)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:`).update(part)
  return hash.digest('base64url')
}

/** A body that was read. */
export interface JsonBody {
  readonly text: string
  readonly value: unknown
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The body as JSON, or undefined where it is none. */
export function readJson(body: Buffer | string): JsonBody | undefined {
  try {
    const text = typeof body === 'string' ? body : utf8.decode(body)
    return { text, value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

/** A field of an object, or undefined. */
export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined
}

/** A field of an object that is a text or a number, as text. */
export function textOf(value: unknown, name: string): string | undefined {
  const field = fieldOf(value, name)
  return typeof field === 'string' || typeof field === 'number' ? String(field) : undefined
}

/** Where each part of an event was found, or not. */
export interface FoundParts {
  readonly id: string | undefined
  readonly topic: string | undefined
  readonly tenantId: string | undefined
  readonly body: string
  readonly fingerprint: string
}

/** What was read here need not be looked at again. */
const ownEvents = new WeakSet<VerifiedEvent>()

/** Whether an event is one of {@link verified}. */
export function isOwnEvent(event: VerifiedEvent): boolean {
  return ownEvents.has(event)
}

/** The verdict on a delivery whose signature is right. */
export function verified(parts: FoundParts, names: { readonly id: string; readonly topic: string }): Verdict {
  const { id, topic, tenantId = '', body, fingerprint } = parts
  if (id === undefined || id === '') return unreadable(`it has no ${names.id}`)
  if (topic === undefined || topic === '') return unreadable(`it has no ${names.topic}`)
  if ([id, topic, tenantId].some((part) => part.length > longest)) {
    return unreadable(`its id, topic or tenant is longer than ${longest} characters`)
  }
  const event = { id, topic, tenantId, body, fingerprint }
  ownEvents.add(event)
  return { kind: 'verified', event }
}
