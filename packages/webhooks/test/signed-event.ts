import { createHmac } from 'node:crypto'

export interface EventToSend {
  readonly id?: string
  readonly topic?: string
  readonly tenant?: string
  readonly body?: string | Buffer
  readonly secret?: string
}

export const testSecret = 'secret of these tests'

/** What a sender of the generic kind posts. */
export function signedEvent({
  id = 'w-1',
  topic = 'orders/create',
  tenant = 'i-1',
  body = '{"id":1}',
  secret = testSecret,
}: EventToSend = {}): {
  readonly method: 'POST'
  readonly url: string
  readonly headers: Record<string, string>
  readonly payload: string | Buffer
} {
  return {
    method: 'POST',
    url: '/webhooks/generic',
    headers: {
      'content-type': 'application/json',
      'x-signature': createHmac('sha256', secret).update(body).digest('hex'),
      'x-webhook-id': id,
      'x-topic': topic,
      'x-tenant': tenant,
    },
    payload: body,
  }
}
