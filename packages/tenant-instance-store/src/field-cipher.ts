import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { InstanceDecryptError } from './errors.js'

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
/** How an encrypted value begins; the key's id and a colon follow. */
const mark = 'stay1:'

/** The bytes of a key; undefined when it is none. */
export function keyBytes(key: string | Buffer): Buffer | undefined {
  const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : key
  return bytes.length === 32 ? bytes : undefined
}

/**
 * Encrypts the values of instances at rest, with AES-256-GCM. The first key encrypts, all of them
 * decrypt. Id and field name are authenticated with the value: nobody who can write to Redis can move
 * a value to another tenant or field. Without keys values pass as they are.
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

  /** Encrypts JSON texts; what comes out are JSON texts too. A field that is removed stays `undefined`. */
  encryptAll<Text extends string | undefined>(
    instanceId: string,
    fields: ReadonlyMap<string, Text>,
  ): ReadonlyMap<string, Text | string> {
    const first = this.#first
    if (first === undefined) return fields
    return new Map(
      [...fields].map(([name, text]) => [
        name,
        text === undefined ? text : this.#encrypt(first, `${instanceId}\n${name}`, text),
      ]),
    )
  }

  /**
   * Decrypts, in place, the values of a document that are encrypted.
   *
   * @throws STAY_INSTANCE_UNDECIPHERABLE when the key is not known, or the value was changed or moved.
   */
  decryptAll<Instance extends { readonly id: string }>(instance: Instance): Instance {
    if (this.#first === undefined) return instance
    for (const [name, value] of Object.entries(instance)) {
      if (typeof value !== 'string' || !value.startsWith(mark)) continue
      Reflect.set(instance, name, this.#decrypt(`${instance.id}\n${JSON.stringify(name)}`, value, name))
    }
    return instance
  }

  #encrypt([keyId, key]: readonly [string, Buffer], place: string, text: string): string {
    const iv = randomBytes(ivBytes)
    const cipher = createCipheriv(algorithm, key, iv).setAAD(Buffer.from(place))
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
    const box = Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url')
    return JSON.stringify(`${mark}${keyId}:${box}`)
  }

  #decrypt(place: string, value: string, name: string): unknown {
    const [keyId = '', box = ''] = value.slice(mark.length).split(':')
    const key = this.#keys.get(keyId)
    if (key === undefined)
      throw new InstanceDecryptError(`the key "${keyId}" of its field ${name} is not known`)
    try {
      const bytes = Buffer.from(box, 'base64url')
      const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, ivBytes), {
        authTagLength: tagBytes,
      })
      decipher.setAAD(Buffer.from(place)).setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes))
      const text =
        decipher.update(bytes.subarray(ivBytes + tagBytes), undefined, 'utf8') + decipher.final('utf8')
      return JSON.parse(text)
    } catch (cause) {
      throw new InstanceDecryptError(`its field ${name} was changed, moved, or encrypted with another key`, {
        cause,
      })
    }
  }
}
