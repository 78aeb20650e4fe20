import type { TaggedCache } from '@stayfast/tagged-cache'
import type { TenantInstances } from '@stayfast/tenant-instance-store'
import type { WebhookHandler } from '@stayfast/webhooks'
import type { WebhookEvents } from '../catalogue/webhook-events.js'
import type { EventTenants } from './event-tenants.js'
import { shopTags } from './shop-tags.js'

export interface AppUninstalledParts {
  events: WebhookEvents
  tenants: EventTenants
  instances: Pick<TenantInstances, 'delete'>
  cache: Pick<TaggedCache, 'invalidateTags'>
}

/** `app/uninstalled`: deletes the instance. An event that was handled deletes no later installation. */
export function appUninstalled({ events, tenants, instances, cache }: AppUninstalledParts): WebhookHandler {
  return async (event) => {
    if (await events.isHandled(event)) return
    const tenant = await tenants.find(event)
    if (tenant === undefined) return events.note(event, 'nobody has installed the app under this tenant')
    await instances.delete(tenant.instanceId)
    await cache.invalidateTags(shopTags)
    await events.note(event, `the instance ${tenant.instanceId} is deleted`)
  }
}
