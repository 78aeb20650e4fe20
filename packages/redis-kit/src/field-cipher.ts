import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** A key for values at rest. */
export interface EncryptionKey {
  /** Stands in front of each value, so that keys can be changed; letters, digits, `-` and `_`. */
  readonly id: string
  /** 32 bytes, or these as base64. */
  readonly key: string | Buffer
}

/** Why a value of the field `name` cannot be decrypted. */
export type Undecipherable =
  | { readonly kind: 'unknown-key'; readonly name: string; readonly keyId: string }
  /** Changed, moved from another place, or encrypted with another key. */
  | { readonly kind: 'broken'; readonly name: string; readonly cause: unknown }

const algorithm = 'aes-256-gcm'
const ivBytes = 12
const tagBytes = 16
/** How an encrypted value begins, as JSON; the key's id and a colon follow. */
const mark = '"stay1:'

/** The bytes of a key; undefined when it is none. */
function keyBytes(key: string | Buffer): Buffer | undefined {
  const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : key
  return bytes.length === 32 ? bytes : undefined
}

/** Whether a {@link FieldCipher} takes it as a key. */
export function isEncryptionKey(value: unknown): value is EncryptionKey {
  if (typeof value !== 'object' || value === null || !('id' in value) || !('key' in value)) return false
  const { id, key } = value
  if (typeof id !== 'string' || !/^[\w-]{1,64}$/.test(id)) return false
  return (typeof key === 'string' || Buffer.isBuffer(key)) && keyBytes(key) !== undefined
}

/**
 * Encrypts the values of fields at rest, with AES-256-GCM. The first key encrypts, all of them decrypt.
 * Owner and field name are authenticated with the value: nobody who can write to Redis can move a value
 * to another owner or field. Without keys values pass as they are.
 */
export class FieldCipher {
  readonly #keys: ReadonlyMap<string, Buffer>
  readonly #first: readonly [id: string, key: Buffer] | undefined
  readonly #refuse: (why: Undecipherable) => Error

  /**
   * @param keys - Checked before: 32 bytes each, ids without a colon.
   * @param refuse - Makes the plugin's own coded error. Values are never in it.
   */
  constructor(keys: readonly EncryptionKey[], refuse: (why: Undecipherable) => Error) {
    const entries = keys.flatMap(({ id, key }) => {
      const bytes = keyBytes(key)
      return bytes === undefined ? [] : [[id, bytes] as const]
    })
    this.#keys = new Map(entries)
    this.#first = entries[0]
    this.#refuse = refuse
  }

  /** Whether there is any key. */
  get active(): boolean {
    return this.#first !== undefined
  }

  /** Encrypts a JSON text; what comes out is one too. */
  encrypt(owner: string, name: string, text: string): string {
    if (this.#first === undefined) return text
    const [keyId, key] = this.#first
    const iv = randomBytes(ivBytes)
    const cipher = createCipheriv(algorithm, key, iv).setAAD(place(owner, name))
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    const box = Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')
    return `${mark}${keyId}:${box}"`
  }

  /**
   * Encrypts each JSON text; a field that is removed stays `undefined`.
   *
   * @param nameOf - The field's name, where the keys of the map are not the names themselves.
   */
  encryptAll<Text extends string | undefined>(
    owner: string,
    fields: ReadonlyMap<string, Text>,
    nameOf: (key: string) => string = (key) => key,
  ): ReadonlyMap<string, Text | string> {
    if (!this.active) return fields
    return new Map(
      [...fields].map(([key, text]) => [
        key,
        text === undefined ? text : this.encrypt(owner, nameOf(key), text),
      ]),
    )
  }

  /**
   * Decrypts a JSON text that is encrypted; any other is returned as it is.
   *
   * @throws what `refuse` makes, when the key is not known, or the value was changed or moved.
   */
  decrypt(owner: string, name: string, text: string): string {
    if (!this.active || !text.startsWith(mark)) return text
    const [keyId = '', box = ''] = text.slice(mark.length, -1).split(':')
    const key = this.#keys.get(keyId)
    if (key === undefined) throw this.#refuse({ kind: 'unknown-key', name, keyId })
    try {
      const bytes = Buffer.from(box, 'base64url')
      const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivBytes), {
        authTagLength: tagBytes,
      })
      decipher.setAAD(place(owner, name)).setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
      return decipher.update(bytes.subarray(ivBytes + tagBytes), undefined, 'utf8') + decipher.final('utf8')
    } catch (cause) {
      throw this.#refuse({ kind: 'broken', name, cause })
    }
  }
}

/** The name as JSON has no line break: no two places have the same bytes. */
function place(owner: string, name: string): Buffer {
  return Buffer.from(`${owner}\n${JSON.stringify(name)}`)
}
