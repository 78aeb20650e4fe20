import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { SessionDecryptError } from './errors.js'
import type { ChangeTexts } from './stores/session-store.js'

/** A key for values at rest. */
export interface EncryptionKey {
  /** Stands in front of each value, so that keys can be changed; letters, digits, `-` and `_`. */
  readonly id: string
  /** 32 bytes, or these as base64. */
  readonly key: string | Buffer
}

const algorithm = 'aes-256-gcm'
const ivBytes = 12
const tagBytes = 16
/** How an encrypted value begins, as JSON; the key's id and a colon follow. */
const mark = '"stay1:'

/** The bytes of a key; undefined when it is none. */
export function keyBytes(key: string | Buffer): Buffer | undefined {
  const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : key
  return bytes.length === 32 ? bytes : undefined
}

/**
 * Encrypts what sessions hold at rest, with AES-256-GCM. The first key encrypts, all of them decrypt.
 * The digest of the session and the name of the field are authenticated with the value: nobody who can
 * write to Redis can move a value to another session or field. Without keys values pass as they are.
 */
export class FieldCipher {
  readonly #keys: ReadonlyMap<string, Buffer>
  readonly #first: readonly [id: string, key: Buffer] | undefined

  /** @param keys - Checked before: 32 bytes each, ids without a colon. */
  constructor(keys: readonly EncryptionKey[]) {
    const entries = keys.flatMap(({ id, key }) => {
      const bytes = keyBytes(key)
      return bytes === undefined ? [] : [[id, bytes] as const]
    })
    this.#keys = new Map(entries)
    this.#first = entries[0]
  }

  /** Whether there is any key. */
  get active(): boolean {
    return this.#first !== undefined
  }

  /** Encrypts a JSON text; what comes out is one too. */
  encrypt(digest: string, name: string, text: string): string {
    if (this.#first === undefined) return text
    const [keyId, key] = this.#first
    const iv = randomBytes(ivBytes)
    const cipher = createCipheriv(algorithm, key, iv).setAAD(Buffer.from(place(digest, name)))
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    const box = Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')
    return `${mark}${keyId}:${box}"`
  }

  /** Encrypts each text; a field that is removed stays `undefined`. */
  encryptAll<Text extends string | undefined>(
    digest: string,
    fields: ReadonlyMap<string, Text>,
  ): ReadonlyMap<string, Text | string> {
    if (this.#first === undefined) return fields
    return new Map(
      [...fields].map(([name, text]) => [name, text === undefined ? text : this.encrypt(digest, name, text)]),
    ) satisfies ChangeTexts
  }

  /**
   * Decrypts a text that is encrypted.
   *
   * @throws STAY_SESSION_UNDECIPHERABLE when the key is not known, or the value was changed or moved.
   */
  decrypt(digest: string, name: string, text: string): string {
    if (this.#first === undefined || !text.startsWith(mark)) return text
    const [keyId = '', box = ''] = text.slice(mark.length, -1).split(':')
    const key = this.#keys.get(keyId)
    if (key === undefined) throw new SessionDecryptError(`the key "${keyId}" is not known`)
    try {
      const bytes = Buffer.from(box, 'base64url')
      const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivBytes), {
        authTagLength: tagBytes,
      })
      decipher
        .setAAD(Buffer.from(place(digest, name)))
        .setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
      return decipher.update(bytes.subarray(ivBytes + tagBytes), undefined, 'utf8') + decipher.final('utf8')
    } catch (cause) {
      throw new SessionDecryptError('a value was changed, moved, or encrypted with another key', { cause })
    }
  }
}

function place(digest: string, name: string): string {
  return `${digest}\n${JSON.stringify(name)}`
}
