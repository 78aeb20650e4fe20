import { vendorOf } from './vendor-of.js'

/** What the app keeps of an installation, beside its id. */
export interface InstanceRecord {
  vendorId: string
  /** When the dashboard was opened last, or the app installed; ISO 8601. */
  openedAt: string
}

/** What this needs of `app.tenantInstances`. */
export interface InstanceStore {
  update(
    id: string,
    change: { openedAt: string },
  ): Promise<{ durability: string; instance: { readonly vendorId: string } }>
  save(instance: { id: string } & InstanceRecord): Promise<{ durability: string }>
}

export interface OpenedInstance {
  vendorId: string
  /** How safe the write is; in the words of the store. */
  durability: string
  created: boolean
}

/** Creates the instance, or notes that it is in use: what else is known of it stays. */
export async function openInstance(store: InstanceStore, id: string): Promise<OpenedInstance> {
  const openedAt = new Date().toISOString()
  try {
    const { durability, instance } = await store.update(id, { openedAt })
    return { vendorId: instance.vendorId, durability, created: false }
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
  const vendorId = vendorOf(id)
  const { durability } = await store.save({ id, vendorId, openedAt })
  return { vendorId, durability, created: true }
}

function isNotFound(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'STAY_INSTANCE_NOT_FOUND'
}
