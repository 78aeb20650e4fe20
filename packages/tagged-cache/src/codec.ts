/** How values become text and back. Its letter stands in the entry, so that nobody reads it with another one. */
export interface Codec<Value> {
  readonly letter: string
  /** @throws When the value is none of the codec's. */
  encode(value: Value): string
  /** @throws When the text is none of the codec's. */
  decode(text: string): Value
}

function freezeDeep(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  Object.freeze(value)
  if (Array.isArray(value)) for (const item of value) freezeDeep(item)
  else for (const key in value) freezeDeep(Reflect.get(value, key))
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
    freezeDeep(value)
    return value
  },
}
