import { hmacMatches } from '../signatures/hmac-signature.js'
import { headerOf, unreadable, unsigned, type WebhookProvider } from './provider.js'
import { fingerprintOf, readJson, verified } from './read-event.js'
import { presetOptions, presetRule, secretsOf, type Secrets } from './preset-options.js'

/** Options of {@link shopify}. */
export interface ShopifyOptions {
  /** Of the app, in the order of your choice: Shopify signs with the old one for a while after a rotation. */
  readonly secrets: Secrets
}

/**
 * Shopify: HMAC-SHA256 of the body in base64, id, topic and shop in headers. Only the body is signed.
 *
 * @throws STAY_WEBHOOK_OPTION_INVALID
 * @see https://shopify.dev/docs/apps/build/webhooks/subscribe/https
 */
export function shopify(options: ShopifyOptions): WebhookProvider {
  const given = presetOptions('shopify', options, { secrets: presetRule.secrets })
  const secrets = secretsOf('shopify', 'secrets', given.secrets)
  return {
    verify(delivery) {
      const signature = headerOf(delivery, 'x-shopify-hmac-sha256')
      if (signature === undefined) return unsigned('it has no X-Shopify-Hmac-Sha256')
      if (!hmacMatches([delivery.body], [signature], secrets, { algorithm: 'sha256', encoding: 'base64' })) {
        return unsigned('X-Shopify-Hmac-Sha256 was made with another secret, or of another body')
      }
      const json = readJson(delivery.body)
      if (json === undefined) return unreadable('its body is no JSON')
      const topic = headerOf(delivery, 'x-shopify-topic')
      return verified(
        {
          id: headerOf(delivery, 'x-shopify-webhook-id'),
          topic,
          tenantId: headerOf(delivery, 'x-shopify-shop-domain'),
          body: json.text,
          fingerprint: fingerprintOf(topic ?? '', delivery.body),
        },
        { id: 'X-Shopify-Webhook-Id', topic: 'X-Shopify-Topic' },
      )
    },
  }
}
