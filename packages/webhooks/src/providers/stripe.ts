import { hmacMatches } from '../signatures/hmac-signature.js'
import { timestampAge } from '../signatures/timestamp.js'
import { headerOf, unreadable, unsigned, type WebhookProvider } from './provider.js'
import { fingerprintOf, readJson, textOf, verified } from './read-event.js'
import {
  presetOptions,
  presetRule,
  secretsOf,
  usualToleranceSeconds,
  type Secrets,
} from './preset-options.js'

/** Options of {@link stripe}. */
export interface StripeOptions {
  /** Of the endpoint (`whsec_…`). */
  readonly secrets: Secrets
  /** How old a signature may be; default 300. */
  readonly toleranceSeconds?: number
}

interface StripeHeader {
  readonly timestamp: string
  readonly signatures: readonly string[]
}

/** `t=1492774577,v1=5257a8…,v1=…,v0=…`: schemes other than v1 are for tests of Stripe's own. */
function parseHeader(header: string): StripeHeader {
  const pairs = header.split(',').map((pair) => pair.trim().split('='))
  const valuesOf = (name: string): string[] =>
    pairs.flatMap(([key, value]) => (key === name && value !== undefined ? [value] : []))
  return { timestamp: valuesOf('t')[0] ?? '', signatures: valuesOf('v1') }
}

/** Stripe counts here how many endpoints still wait for the event: it changes between two repetitions. */
function withoutVolatile(event: unknown): string {
  return JSON.stringify(event, (key, value: unknown) => (key === 'pending_webhooks' ? undefined : value))
}

/**
 * Stripe: HMAC-SHA256 of `timestamp.body` in hex. The tenant is the connected account, where there is one.
 *
 * @throws STAY_WEBHOOK_OPTION_INVALID
 * @see https://docs.stripe.com/webhooks/signature
 */
export function stripe(options: StripeOptions): WebhookProvider {
  const { secrets: given, toleranceSeconds = usualToleranceSeconds } = presetOptions('stripe', options, {
    secrets: presetRule.secrets,
    toleranceSeconds: presetRule.toleranceSeconds,
  })
  const secrets = secretsOf('stripe', 'secrets', given)
  return {
    verify(delivery) {
      const header = headerOf(delivery, 'stripe-signature')
      if (header === undefined) return unsigned('it has no Stripe-Signature')
      const { timestamp, signatures } = parseHeader(header)
      const rule = { algorithm: 'sha256', encoding: 'hex' } as const
      if (!hmacMatches([`${timestamp}.`, delivery.body], signatures, secrets, rule)) {
        return unsigned('Stripe-Signature was made with another secret, or of another body')
      }
      if (timestampAge(timestamp, delivery.nowMs, toleranceSeconds) !== 'recent') {
        return unsigned(`its signature is older than ${toleranceSeconds} s`)
      }
      const json = readJson(delivery.body)
      if (json === undefined) return unreadable('its body is no JSON')
      return verified(
        {
          id: textOf(json.value, 'id'),
          topic: textOf(json.value, 'type'),
          tenantId: textOf(json.value, 'account'),
          body: json.text,
          fingerprint: fingerprintOf(withoutVolatile(json.value)),
        },
        { id: 'id', topic: 'type' },
      )
    },
  }
}
