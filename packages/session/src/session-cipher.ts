import { FieldCipher, type EncryptionKey } from '@stayfast/redis-kit'
import { SessionDecryptError } from './errors.js'

/**
 * Encrypts what sessions hold at rest. The owner of a field is the digest of its session's id.
 *
 * @returns A cipher that throws STAY_SESSION_UNDECIPHERABLE.
 */
export function sessionCipher(keys: readonly EncryptionKey[] = []): FieldCipher {
  return new FieldCipher(keys, (why) =>
    why.kind === 'unknown-key'
      ? new SessionDecryptError(`the key "${why.keyId}" is not known`)
      : new SessionDecryptError('a value was changed, moved, or encrypted with another key', {
          cause: why.cause,
        }),
  )
}
