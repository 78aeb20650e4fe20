import type { TaggedCache } from '@stayfast/tagged-cache'
import type { TenantInstance, TenantInstances } from '@stayfast/tenant-instance-store'
import type { WebhookEvent } from '@stayfast/webhooks'
import { DEMO_INSTANCE } from '../instances/demo-instance.js'
import { isInstanceId } from '../instances/instance-reference.js'
import { vendorOf } from '../instances/vendor-of.js'
import { shopTags } from './shop-tags.js'

/** Whose event it is. */
export interface EventTenant {
  instanceId: string
  vendorId: string
}

const FOUND_FRESH_SECONDS = 60
const PAGE = 1_000
const DOMAIN = /^[a-z0-9.-]{1,253}$/

/** What this needs of the app. */
export interface EventTenantsParts {
  instances: Pick<TenantInstances, 'get' | 'list'>
  cache: Pick<TaggedCache, 'getOrSet'>
  /** Shops that nobody has installed stand for the first vendor of the demo. */
  demo: boolean
}

/** Finds whose an event is: Shopify names the shop, the others name the instance. */
export class EventTenants {
  readonly #instances: EventTenantsParts['instances']
  readonly #cache: EventTenantsParts['cache']
  readonly #demo: boolean

  constructor({ instances, cache, demo }: EventTenantsParts) {
    this.#instances = instances
    this.#cache = cache
    this.#demo = demo
  }

  /**
   * Undefined where nobody has installed the app under that name, which only Redis can say: throws
   * `STAY_INSTANCE_UNKNOWN` while it cannot be asked, so that the event is tried again.
   */
  async find({
    provider,
    tenantId,
  }: Pick<WebhookEvent, 'provider' | 'tenantId'>): Promise<EventTenant | undefined> {
    const name = tenantId.toLowerCase()
    if (provider !== 'shopify') return tenantOf(await this.#instance(name))
    const installed = DOMAIN.test(name) ? await this.#instance(await this.#idOfShop(name)) : undefined
    if (installed !== undefined || !this.#demo) return tenantOf(installed)
    return { instanceId: DEMO_INSTANCE, vendorId: vendorOf(DEMO_INSTANCE) }
  }

  async #instance(id: string | null): Promise<TenantInstance | undefined> {
    return id !== null && isInstanceId(id) ? this.#instances.get(id) : undefined
  }

  /** All instances are looked through once a minute at most for each shop, and once more after an installation. */
  #idOfShop(shop: string): Promise<string | null> {
    return this.#cache.getOrSet(`shop-instance:${shop}`, () => this.#search(shop), {
      ttlSeconds: FOUND_FRESH_SECONDS,
      tags: shopTags,
    })
  }

  async #search(shop: string): Promise<string | null> {
    let cursor: string | undefined
    do {
      const page = await this.#instances.list({ cursor, limit: PAGE })
      const found = page.items.find((instance) => instance.shop === shop)
      if (found !== undefined) return found.id
      cursor = page.cursor
    } while (cursor !== undefined)
    return null
  }
}

function tenantOf(instance: TenantInstance | undefined): EventTenant | undefined {
  return instance && { instanceId: instance.id, vendorId: instance.vendorId }
}
