import { CacheValueError } from './errors.js'

/** How values become text and back. Its letter stands in the entry, so that nobody reads it with another one. */
export interface Codec<Value> {
  readonly letter: string
  /** @throws When the value is none of the codec's. */
  encode(value: Value): string
  /** @throws When the text is none of the codec's. */
  decode(text: string): Value
}

/** @throws STAY_CACHE_VALUE_INVALID */
export function encode(codec: Codec<unknown>, key: string, value: unknown): string {
  try {
    return codec.encode(value)
  } catch (cause) {
    throw new CacheValueError(key, { cause })
  }
}

/** A letter takes three bytes at most: what is far from the limit is not counted. */
export function isLarger(text: string, bytes: number): boolean {
  return text.length > bytes || (text.length * 3 > bytes && Buffer.byteLength(text) > bytes)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function isRecord(value: object): value is Record<string, unknown> {
  return !Array.isArray(value)
}

/** Runs for every value that is read: what is no object is not even looked at. */
function freezeDeep(value: object): void {
  if (isRecord(value)) {
    for (const key in value) {
      const item = value[key]
      if (isObject(item)) freezeDeep(item)
    }
  } else if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) {
      const item: unknown = value[index]
      if (isObject(item)) freezeDeep(item)
    }
  }
  Object.freeze(value)
}

/** What stands for `undefined`: a loader's word that there is nothing. No JSON text is empty. */
const nothing = ''

/** JSON. What is decoded is frozen, because all callers share it. */
export const jsonCodec: Codec<unknown> = {
  letter: 'j',
  encode(value) {
    if (value === undefined) return nothing
    // A function or a symbol has no JSON; the types of TypeScript do not say so.
    const text: unknown = JSON.stringify(value)
    if (typeof text !== 'string') throw new TypeError('it has no JSON')
    return text
  },
  decode(text) {
    if (text === nothing) return undefined
    const value: unknown = JSON.parse(text)
    if (isObject(value)) freezeDeep(value)
    return value
  },
}
