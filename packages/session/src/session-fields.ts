import { FieldInvalidError, SessionTooLargeError } from './errors.js'
import type { ChangeTexts, FieldTexts } from './stores/session-store.js'

/** What every session object of \@fastify/session has already: a field of that name would hide it. */
const reserved = new Set([
  ...Object.getOwnPropertyNames(Object.prototype),
  'cookie',
  'sessionId',
  'encryptedSessionId',
  'options',
  'touch',
  'regenerate',
  'get',
  'set',
  'destroy',
  'reload',
  'save',
  'isModified',
  'isSaved',
  'toJSON',
])

/** Those that request-sessions.ts gives each session object. */
const ownMethods = ['destroy', 'regenerate', 'reload'] as const

/** Where a session object keeps what it was loaded from; see attachment.ts. */
export const attachmentName = '~stayfast'

function isField(name: string): boolean {
  return name !== 'cookie' && name !== attachmentName
}

/** Whether a session object has any field of its own. */
export function hasFields(session: object): boolean {
  for (const name of Object.keys(session)) if (isField(name)) return true
  return ownMethods.some((name) => hides(session, name))
}

/** Something stands in the place of a method, where no loop over the fields meets it. */
function hides(session: object, name: string): boolean {
  return Object.hasOwn(session, name) && typeof Reflect.get(session, name) !== 'function'
}

/**
 * The fields of a session object as JSON texts, as JSON.stringify makes them: what it drops counts as
 * not there.
 *
 * @throws STAY_SESSION_FIELD_INVALID names the field, never its value.
 */
export function fieldTexts(session: object): Map<string, string> {
  const texts = new Map<string, string>()
  for (const name of ownMethods) {
    if (hides(session, name)) {
      throw new FieldInvalidError(`a field cannot be called "${name}", as every session has that already`)
    }
  }
  for (const [name, value] of Object.entries(session)) {
    if (!isField(name)) continue
    if (reserved.has(name)) {
      throw new FieldInvalidError(`a field cannot be called "${name}", as every session has that already`)
    }
    const text = jsonText(name, value)
    if (text !== undefined) texts.set(name, text)
  }
  return texts
}

function jsonText(name: string, value: unknown): string | undefined {
  try {
    // Undefined for what JSON has no word for, whatever its type says.
    return JSON.stringify(value)
  } catch (cause) {
    throw new FieldInvalidError(`the field "${name}" is no JSON (${String(cause)})`, { cause })
  }
}

/** What has to be written so that `before` becomes `after`. */
export function changeBetween(before: FieldTexts, after: FieldTexts): ChangeTexts {
  const change = new Map<string, string | undefined>()
  for (const [name, text] of after) if (before.get(name) !== text) change.set(name, text)
  for (const name of before.keys()) if (!after.has(name)) change.set(name, undefined)
  return change
}

/** The fields after a change. */
export function changedFields(before: FieldTexts, change: ChangeTexts): Map<string, string> {
  const after = new Map(before)
  for (const [name, text] of change) {
    if (text === undefined) after.delete(name)
    else after.set(name, text)
  }
  return after
}

/**
 * The values of stored fields, for a session object; those that would hide its methods are left out.
 *
 * @throws SyntaxError when a text is no JSON.
 */
export function fieldValues(fields: FieldTexts): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const [name, text] of fields) if (!reserved.has(name)) values[name] = JSON.parse(text)
  return values
}

/** @throws STAY_SESSION_TOO_LARGE */
export function checkSize(fields: FieldTexts, maxBytes: number): void {
  let bytes = 0
  for (const [name, text] of fields) bytes += Buffer.byteLength(name) + Buffer.byteLength(text)
  if (bytes > maxBytes) throw new SessionTooLargeError(bytes, maxBytes)
}
