import { ProviderInvalidError } from '../errors.js'
import { unreadable, type Verdict, type VerifiedEvent } from './provider.js'
import { fingerprintOf, isOwnEvent, readJson, verified } from './read-event.js'

/** As it stands in a receipt: without a space. */
const plainFingerprint = /^[\w-]{1,128}$/

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function hasTexts(event: unknown, names: readonly (keyof VerifiedEvent)[]): event is VerifiedEvent {
  return isObject(event) && names.every((name) => typeof Reflect.get(event, name) === 'string')
}

/**
 * Holds what a provider says against what it may say. A provider of the app's own may forget a case: what then
 * were neither refused nor an event would be answered 200, and its sender would not come again.
 *
 * @throws STAY_WEBHOOK_PROVIDER_INVALID for what is no verdict.
 */
export function checkedVerdict(provider: string, verdict: unknown): Verdict {
  const kind: unknown = isObject(verdict) ? Reflect.get(verdict, 'kind') : undefined
  if (isObject(verdict) && (kind === 'unsigned' || kind === 'unreadable')) {
    return { kind, reason: String(Reflect.get(verdict, 'reason')) }
  }
  const event: unknown = isObject(verdict) && kind === 'verified' ? Reflect.get(verdict, 'event') : undefined
  if (!hasTexts(event, ['id', 'topic', 'tenantId', 'body', 'fingerprint']) || event.fingerprint === '') {
    throw new ProviderInvalidError(provider)
  }
  if (isOwnEvent(event)) return { kind: 'verified', event }
  if (readJson(event.body) === undefined) return unreadable('its body is no JSON')
  const { fingerprint } = event
  const plain = plainFingerprint.test(fingerprint) ? fingerprint : fingerprintOf(fingerprint)
  return verified({ ...event, fingerprint: plain }, { id: 'id', topic: 'topic' })
}
