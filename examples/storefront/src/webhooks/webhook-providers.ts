import { hmac, shopify, type Secrets, type WebhookProvider, wix } from '@stayfast/webhooks'
import { ConfigInvalidError } from '../errors.js'
import type { WebhookSecrets } from './webhook-secrets.js'

export type ProviderName = keyof WebhookSecrets

/** Who may send webhooks: those whose secrets are configured. Throws `SHOP_CONFIG_INVALID`. */
export function webhookProviders(secrets: WebhookSecrets): Record<ProviderName, WebhookProvider | undefined> {
  const configured = (
    name: ProviderName,
    provider: (secrets: Secrets) => WebhookProvider,
  ): WebhookProvider | undefined => (secrets[name].length === 0 ? undefined : provider(secrets[name]))
  return {
    shopify: configured('shopify', (secrets) => shopify({ secrets })),
    generic: configured('generic', (secrets) => hmac({ secrets })),
    wix: configured('wix', wixProvider),
  }
}

function wixProvider(publicKeys: Secrets): WebhookProvider {
  try {
    return wix({ publicKeys })
  } catch (error) {
    throw new ConfigInvalidError(
      'WIX_PUBLIC_KEY',
      'is no public RSA key: set it to the key of the app as PEM, its line breaks as they are or written \\n',
      { cause: error },
    )
  }
}
