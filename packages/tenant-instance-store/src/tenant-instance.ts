import { InstanceInvalidError, InstanceTooLargeError } from './errors.js'
import { jsonText, type JsonValue } from './json-value.js'

/**
 * The fields of an app's instances. Name them once, by declaration merging:
 *
 * ```ts
 * declare module '@stayfast/tenant-instance-store' {
 *   interface TenantInstanceFields { vendorId: string; accessToken?: string }
 * }
 * ```
 */
// eslint-disable-next-line @typescript-eslint/no-empty-object-type -- it is for apps to fill
export interface TenantInstanceFields {}

/** The fields as the app declared them; any JSON where it declared none. */
export type InstanceFields = keyof TenantInstanceFields extends never
  ? Readonly<Record<string, JsonValue | undefined>>
  : TenantInstanceFields

/** One installation of the app: an id, and what the app knows of it. Values are JSON. */
export type TenantInstance<Fields = InstanceFields> = { readonly id: string } & Fields

/** What `update` changes. A field that is `undefined` is removed; `null` is a value like any other. */
export type InstanceChange<Fields = InstanceFields> = {
  readonly [Name in keyof Fields]?: Fields[Name] | undefined
}

/** Fields as they are stored: their names and values as JSON texts. */
export type FieldTexts = ReadonlyMap<string, string>

/** Changed fields as they are stored; `undefined` removes the field. */
export type ChangeTexts = ReadonlyMap<string, string | undefined>

/**
 * Encodes all fields but the id. A field that is `undefined` counts as not given.
 *
 * @throws STAY_INSTANCE_INVALID when a value is no JSON; the message names the field, not the value.
 */
export function encodeFields(instance: object): FieldTexts {
  const texts = new Map<string, string>()
  for (const [name, text] of encodeEntries(instance)) {
    if (text !== undefined && name !== '"id"') texts.set(name, text)
  }
  return texts
}

/**
 * Encodes the fields of a change.
 *
 * @throws STAY_INSTANCE_INVALID when a value is no JSON, or the change has another id.
 */
export function encodeChange(id: string, change: object): ChangeTexts {
  const texts = encodeEntries(change)
  const idText = JSON.stringify(id)
  if (texts.has('"id"') && texts.get('"id"') !== idText) {
    throw new InstanceInvalidError('the id of an instance never changes; save it under the new id')
  }
  texts.delete('"id"')
  return texts
}

function encodeEntries(fields: object): Map<string, string | undefined> {
  // An unknown at run time: apps in plain JavaScript pass what they like.
  const given: unknown = fields
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new InstanceInvalidError('it is not an object with fields')
  }
  if (Object.getOwnPropertySymbols(given).length > 0) {
    throw new InstanceInvalidError('it has a field named by a symbol, which JSON has no word for')
  }
  const texts = new Map<string, string | undefined>()
  for (const [name, value] of Object.entries(given)) {
    if (name === '__proto__') throw new InstanceInvalidError('the field name "__proto__" is refused')
    texts.set(JSON.stringify(name), value === undefined ? undefined : jsonText(value, name))
  }
  return texts
}

/** The whole document as JSON, fields in the order of their names. */
export function documentText(id: string, fields: FieldTexts): string {
  const names = [...fields.keys()].sort()
  return `{"id":${JSON.stringify(id)}${names.map((name) => `,${name}:${fields.get(name) ?? 'null'}`).join('')}}`
}

/** Takes a document apart again; the fields of a text that is no document are none. */
export function fieldsOfDocument(text: string): FieldTexts {
  const instance: object | undefined = parseInstance(text)
  return instance === undefined ? new Map() : encodeFields(instance)
}

/** @throws STAY_INSTANCE_TOO_LARGE */
export function checkSize(text: string, maxBytes: number): void {
  const bytes = Buffer.byteLength(text)
  if (bytes > maxBytes) throw new InstanceTooLargeError(bytes, maxBytes)
}

/** Reads a stored document, or undefined when the text is none of ours. The fields are taken at the app's word. */
export function parseInstance<Fields>(text: string): TenantInstance<Fields> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return isInstance<Fields>(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isInstance<Fields>(value: unknown): value is TenantInstance<Fields> {
  return typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string'
}
