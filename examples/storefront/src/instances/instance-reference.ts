import { InstanceReferenceInvalidError } from '../errors.js'
import { isTokenShaped, verifyInstanceToken } from './instance-token.js'

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

export interface ReferenceRules {
  appSecret: string | undefined
  /** Whether a bare id, which anybody could make up, is good enough. */
  allowBareId: boolean
}

/** What a token says. */
export interface ReferencedInstance {
  id: string
  /** The domain of the shop that installed the app; undefined where the token does not name it. */
  shop: string | undefined
}

/** Whether it is a UUID, as instances are called. */
export function isInstanceId(text: string): boolean {
  return UUID.test(text)
}

/**
 * The instance that a token, or a bare id where that is allowed, stands for. Throws
 * `SHOP_INSTANCE_REFERENCE_INVALID` (400) and `SHOP_INSTANCE_TOKEN_REFUSED` (401).
 */
export function referencedInstance(
  reference: string | undefined,
  { appSecret, allowBareId }: ReferenceRules,
): ReferencedInstance {
  if (reference === undefined || reference === '') {
    throw new InstanceReferenceInvalidError(
      'No instance is named: pass ?instance= with the token of the app market',
    )
  }
  if (UUID.test(reference)) {
    if (allowBareId) return { id: reference.toLowerCase(), shop: undefined }
    throw new InstanceReferenceInvalidError(
      'A bare instance id is not accepted in production: pass the signed token',
    )
  }
  if (!isTokenShaped(reference)) {
    throw new InstanceReferenceInvalidError('The instance is neither a signed token nor an id (a UUID)')
  }
  const { instanceId, shop } = verifyInstanceToken(reference, appSecret)
  if (typeof instanceId !== 'string' || !UUID.test(instanceId)) {
    throw new InstanceReferenceInvalidError('The instance token holds no instanceId that is a UUID')
  }
  return { id: instanceId.toLowerCase(), shop: typeof shop === 'string' ? shop.toLowerCase() : undefined }
}

/** The id alone; throws the same. */
export function instanceIdOf(reference: string | undefined, rules: ReferenceRules): string {
  return referencedInstance(reference, rules).id
}
