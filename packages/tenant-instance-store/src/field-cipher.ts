import { FieldCipher as TextCipher, type EncryptionKey } from '@stayfast/redis-kit'
import { InstanceDecryptError } from './errors.js'

/** Encrypts the values of instances at rest. The owner of a field is its instance, by id. */
export class FieldCipher {
  readonly #texts: TextCipher

  /** @param keys - Checked before: 32 bytes each, ids without a colon. */
  constructor(keys: readonly EncryptionKey[]) {
    this.#texts = new TextCipher(keys, (why) =>
      why.kind === 'unknown-key'
        ? new InstanceDecryptError(`the key "${why.keyId}" of its field ${why.name} is not known`)
        : new InstanceDecryptError(
            `its field ${why.name} was changed, moved, or encrypted with another key`,
            { cause: why.cause },
          ),
    )
  }

  /** Encrypts fields as they are stored, names and values as JSON texts; what comes out is stored likewise. */
  encryptAll<Text extends string | undefined>(
    instanceId: string,
    fields: ReadonlyMap<string, Text>,
  ): ReadonlyMap<string, Text | string> {
    return this.#texts.encryptAll(instanceId, fields, (key) => String(JSON.parse(key)))
  }

  /**
   * Decrypts, in place, the values of a document that are encrypted.
   *
   * @throws STAY_INSTANCE_UNDECIPHERABLE when the key is not known, or the value was changed or moved.
   */
  decryptAll<Instance extends { readonly id: string }>(instance: Instance): Instance {
    if (!this.#texts.active) return instance
    for (const [name, value] of Object.entries(instance)) {
      if (typeof value !== 'string') continue
      const text = JSON.stringify(value)
      const decrypted = this.#texts.decrypt(instance.id, name, text)
      if (decrypted !== text) Reflect.set(instance, name, JSON.parse(decrypted))
    }
    return instance
  }
}
