import { secretList } from '../secret-list.js'

/** By which secrets and keys senders of webhooks are known; without any, a sender is not taken. */
export interface WebhookSecrets {
  shopify: readonly string[]
  generic: readonly string[]
  /** Public keys of the app, as PEM. */
  wix: readonly string[]
}

/** Reads them; several are separated by commas while they rotate. */
export function readWebhookSecrets(read: (name: string) => string | undefined): WebhookSecrets {
  const listed = (name: string): readonly string[] => secretList(read(name) ?? '')
  return {
    shopify: listed('WEBHOOK_SECRET_SHOPIFY'),
    generic: listed('WEBHOOK_SECRET_GENERIC'),
    wix: listed('WIX_PUBLIC_KEY'),
  }
}
