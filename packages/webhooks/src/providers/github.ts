import { hmacMatches } from '../signatures/hmac-signature.js'
import { headerOf, unreadable, unsigned, type WebhookProvider } from './provider.js'
import { fieldOf, fingerprintOf, readJson, textOf, verified } from './read-event.js'
import { presetOptions, presetRule, secretsOf, type Secrets } from './preset-options.js'

/** Options of {@link github}. */
export interface GithubOptions {
  readonly secrets: Secrets
}

/**
 * GitHub: HMAC-SHA256 of the body in hex behind `sha256=`. The tenant is the installation of the app, else
 * the owner of the webhook. The webhook must send `application/json`.
 *
 * @throws STAY_WEBHOOK_OPTION_INVALID
 * @see https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
 */
export function github(options: GithubOptions): WebhookProvider {
  const given = presetOptions('github', options, { secrets: presetRule.secrets })
  const secrets = secretsOf('github', 'secrets', given.secrets)
  return {
    verify(delivery) {
      const [, signature] = /^sha256=(.+)$/.exec(headerOf(delivery, 'x-hub-signature-256') ?? '') ?? []
      if (signature === undefined) return unsigned('it has no X-Hub-Signature-256')
      if (!hmacMatches([delivery.body], [signature], secrets, { algorithm: 'sha256', encoding: 'hex' })) {
        return unsigned('X-Hub-Signature-256 was made with another secret, or of another body')
      }
      const json = readJson(delivery.body)
      if (json === undefined) return unreadable('its body is no JSON: choose application/json on GitHub')
      const topic = headerOf(delivery, 'x-github-event')
      return verified(
        {
          id: headerOf(delivery, 'x-github-delivery'),
          topic,
          tenantId:
            textOf(fieldOf(json.value, 'installation'), 'id') ??
            headerOf(delivery, 'x-github-hook-installation-target-id'),
          body: json.text,
          fingerprint: fingerprintOf(topic ?? '', delivery.body),
        },
        { id: 'X-GitHub-Delivery', topic: 'X-GitHub-Event' },
      )
    },
  }
}
