import { createPublicKey, type KeyObject } from 'node:crypto'
import { errors, jwtVerify } from 'jose'
import { WebhookOptionError } from '../errors.js'
import { unreadable, unsigned, type WebhookProvider } from './provider.js'
import { fieldOf, fingerprintOf, readJson, textOf, verified } from './read-event.js'
import { presetOptions, presetRule, secretsOf, type Secrets } from './preset-options.js'

/** Options of {@link wix}. */
export interface WixOptions {
  /** Of the app, as PEM; line breaks may be written `\n`. */
  readonly publicKeys: Secrets
}

/** The clocks of Wix and of this machine may differ by this much. */
const clockToleranceSeconds = 60

function publicKeyOf(text: string): KeyObject {
  try {
    const key = createPublicKey(text.replaceAll(String.raw`\n`, '\n').trim())
    if (key.asymmetricKeyType === 'rsa') return key
  } catch (error) {
    throw new WebhookOptionError('wix() takes publicKeys: this one is no public key in PEM.', {
      cause: error,
    })
  }
  throw new WebhookOptionError('wix() takes publicKeys: this one is no RSA key.')
}

/** The claims of a token that was signed by one of the keys, or why it is not believed. */
async function claimsOf(
  token: string,
  keys: readonly KeyObject[],
  nowMs: number,
): Promise<{ readonly claims: unknown } | { readonly reason: string }> {
  let reason = 'it was signed by another key'
  for (const key of keys) {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['RS256'],
        currentDate: new Date(nowMs),
        clockTolerance: clockToleranceSeconds,
      })
      return { claims: payload }
    } catch (error) {
      // Another key may fit; a token that has expired was signed by this one.
      if (error instanceof errors.JWTExpired) return { reason: 'its token has expired' }
      if (!(error instanceof errors.JOSEError)) throw error
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) reason = 'its body is no signed token'
    }
  }
  return { reason }
}

function parsed(value: unknown): unknown {
  return typeof value === 'string' ? readJson(value)?.value : value
}

/**
 * Wix: the body is a JWT signed with RS256 by the key of the app. It holds `{ instanceId, eventType, data }`
 * as JSON, and `data` the event as JSON once more. The tenant is the instance of the app.
 *
 * Events that have no id of their own, as the older ones, are told apart by what they hold and when the
 * token was made.
 *
 * @throws STAY_WEBHOOK_OPTION_INVALID
 * @see https://dev.wix.com/docs/rest/articles/getting-started/webhooks
 */
export function wix(options: WixOptions): WebhookProvider {
  const { publicKeys } = presetOptions('wix', options, { publicKeys: presetRule.secrets })
  const keys = secretsOf('wix', 'publicKeys', publicKeys).map(publicKeyOf)
  return {
    async verify({ body, nowMs }) {
      const believed = await claimsOf(body.toString('utf8').trim(), keys, nowMs)
      if ('reason' in believed) return unsigned(believed.reason)
      const envelope = parsed(fieldOf(believed.claims, 'data'))
      if (typeof envelope !== 'object' || envelope === null) return unreadable('its token holds no data')
      const data = fieldOf(envelope, 'data')
      const event = parsed(data)
      if (event === undefined) return unreadable('its data is no JSON')
      const text = typeof data === 'string' ? data : JSON.stringify(data)
      const topic = textOf(envelope, 'eventType')
      const tenantId = textOf(envelope, 'instanceId')
      // Only events of this form have an id of their own; in others it is that of what they are about.
      const ownId = fieldOf(event, 'entityFqdn') === undefined ? undefined : textOf(event, 'id')
      const issuedAt = textOf(believed.claims, 'iat')
      return verified(
        {
          id: ownId ?? fingerprintOf(topic ?? '', tenantId ?? '', text, issuedAt ?? ''),
          topic,
          tenantId,
          body: text,
          fingerprint: fingerprintOf(topic ?? '', text),
        },
        { id: 'id', topic: 'eventType' },
      )
    },
  }
}
