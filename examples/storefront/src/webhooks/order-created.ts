import type { TaggedCache } from '@stayfast/tagged-cache'
import type { WebhookHandler } from '@stayfast/webhooks'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { saleTags } from '../api/sale-tags.js'
import type { WebhookEvents } from '../catalogue/webhook-events.js'
import type { EventTenants } from './event-tenants.js'

const MOST_UNITS = 10_000
const Name = Type.String({ minLength: 1, maxLength: 150, pattern: '^[^\\u0000]*$' })

/** An order as its sender tells of it; what else it says of it is none of ours. */
const OrderOfSender = Type.Object({
  // Shopify's ids are numbers.
  id: Type.Union([Name, Type.Integer({ minimum: 0 })]),
  productId: Name,
  quantity: Type.Integer({ minimum: 1, maximum: MOST_UNITS }),
})

export interface OrderCreatedParts {
  events: WebhookEvents
  tenants: EventTenants
  cache: Pick<TaggedCache, 'invalidateTags'>
}

/** `orders/create`: records the order `<provider>-<id>`. What names no product of ours is noted. */
export function orderCreated({ events, tenants, cache }: OrderCreatedParts): WebhookHandler {
  return async (event) => {
    const { payload, provider } = event
    const tenant = await tenants.find(event)
    if (tenant === undefined) return events.note(event, 'nobody has installed the app under this tenant')
    if (!Value.Check(OrderOfSender, payload))
      return events.note(event, 'it holds no id, productId and quantity')
    const { vendorId } = tenant
    const { productId, quantity } = payload
    const outcome = await events.recordOrder(event, vendorId, {
      id: `${provider}-${payload.id}`,
      productId,
      quantity,
    })
    // Of a repeated run as well: the first may have ended between the order and this.
    if (outcome === 'order') await cache.invalidateTags(saleTags(vendorId))
  }
}
