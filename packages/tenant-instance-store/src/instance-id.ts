import { InstanceIdInvalidError } from './errors.js'

/** 1–200 characters, none of them a control character or half of a surrogate pair. */
const possible = /^[^\p{Cc}\p{Cs}]{1,200}$/u

/**
 * Takes what came from outside for an id, if it can be one.
 *
 * @param isInstanceId - The app's own rule, beside the general one; what is not `true` is a no.
 * @throws STAY_INSTANCE_ID_INVALID. The message does not repeat the text, which may be anything.
 */
export function checkInstanceId(id: unknown, isInstanceId?: (id: string) => boolean): string {
  if (id === undefined) throw new InstanceIdInvalidError('there is none in the request')
  if (typeof id !== 'string') throw new InstanceIdInvalidError('it is not one single text')
  if (!possible.test(id)) {
    throw new InstanceIdInvalidError('it takes 1 to 200 characters, without control characters')
  }
  // From JavaScript anything may come, a promise included, which would let every id in.
  const own: unknown = isInstanceId === undefined || isInstanceId(id)
  if (own !== true) throw new InstanceIdInvalidError('this app has no ids of that form')
  return id
}
