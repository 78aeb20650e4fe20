import { createHmac } from 'node:crypto'

/** A webhook to be sent, of those senders whose secret this app holds as well. */
export interface Sample {
  provider: 'shopify' | 'generic'
  secret: string
  /** The sender's own id of the event. */
  webhookId: string
  topic: string
  /** The shop's domain for Shopify, an instance id for others. */
  tenant: string
  payload: unknown
}

/** The request that the sender would make. */
export function signedSample({ provider, secret, webhookId, topic, tenant, payload }: Sample): {
  path: string
  headers: Record<string, string>
  body: string
} {
  const body = JSON.stringify(payload)
  const signature = createHmac('sha256', secret).update(body)
  const headers =
    provider === 'shopify'
      ? {
          'x-shopify-hmac-sha256': signature.digest('base64'),
          'x-shopify-topic': topic,
          'x-shopify-webhook-id': webhookId,
          'x-shopify-shop-domain': tenant,
        }
      : {
          'x-signature': signature.digest('hex'),
          'x-webhook-id': webhookId,
          'x-topic': topic,
          'x-tenant': tenant,
        }
  return { path: `/webhooks/${provider}`, headers: { 'content-type': 'application/json', ...headers }, body }
}
