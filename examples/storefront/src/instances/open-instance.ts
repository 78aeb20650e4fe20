import type { Saved, TenantInstances } from '@stayfast/tenant-instance-store'
import { vendorOf } from './vendor-of.js'

declare module '@stayfast/tenant-instance-store' {
  interface TenantInstanceFields {
    vendorId: string
    /** The domain of the shop that installed the app, by which its webhooks name it. */
    shop?: string
    /** When the dashboard was opened last, or the app installed; ISO 8601. */
    openedAt: string
  }
}

/** What this needs of `app.tenantInstances`. */
export type InstanceStore = Pick<TenantInstances, 'save' | 'update'>

export interface OpenedInstance extends Saved {
  vendorId: string
}

/**
 * Creates the instance, or notes that it is in use: what else is known of it stays. While Redis is away
 * an instance that is not known here is opened as well, without a word against what Redis may know.
 *
 * @param shop - Where it is known.
 */
export async function openInstance(store: InstanceStore, id: string, shop?: string): Promise<OpenedInstance> {
  const news = { openedAt: new Date().toISOString(), ...(shop === undefined ? {} : { shop }) }
  try {
    const { durability, instance } = await store.update(id, news)
    return { vendorId: instance.vendorId, durability, created: false }
  } catch (error) {
    if (!mayBeNew(error)) throw error
  }
  const vendorId = vendorOf(id)
  const { durability, created } = await store.save({ id, vendorId, ...news }, { ifAbsent: true })
  return { vendorId, durability, created }
}

function mayBeNew(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  return error.code === 'STAY_INSTANCE_NOT_FOUND' || error.code === 'STAY_INSTANCE_UNKNOWN'
}
