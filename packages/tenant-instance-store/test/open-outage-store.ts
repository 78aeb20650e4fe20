import { openLink } from '@stayfast/link-test-kit'
import { OutageInstanceStore, type OutageInstanceStoreOptions } from '../dist/stores/outage-instance-store.js'
import { StoredInstances } from '../dist/stored-instances.js'
import type { ClientLinkOptions, RedisLink } from '@stayfast/redis-kit'
import type { Test } from 'tap'
import { FieldCipher } from '../dist/field-cipher.js'
import type { TenantInstance } from '../dist/tenant-instance.js'

/** A process that uses the store. */
export interface StoreProcess {
  readonly link: RedisLink
  readonly store: OutageInstanceStore
  readonly instances: StoredInstances
  /** What it answers now, or the code of its error. */
  readonly answer: (id: string) => Promise<TenantInstance | undefined | string>
}

export const storeSettings: Omit<OutageInstanceStoreOptions, 'link'> = {
  keyPrefix: '',
  ttlSeconds: 30 * 86_400,
  renewEverySeconds: 86_400,
  maxBytes: 65_536,
  retryAfterSeconds: 2,
  onOutage: 'buffer',
  answerFromMemory: true,
  maxLocalInstances: 1000,
  maxBufferedWrites: 1000,
  logger: { info: () => undefined, error: () => undefined },
}

/** Redis itself is to be seen: no memory, and nothing waits. */
export const directly: Omit<OutageInstanceStoreOptions, 'link'> = {
  ...storeSettings,
  onOutage: 'reject',
  answerFromMemory: false,
}

export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error)
}

export function storeProcess(
  t: Test,
  link: RedisLink,
  options: Partial<OutageInstanceStoreOptions> = {},
  cipher: FieldCipher = new FieldCipher([]),
): StoreProcess {
  const store = new OutageInstanceStore({ ...storeSettings, link, ...options })
  t.teardown(async () => {
    await store.close(0)
  })
  const instances = new StoredInstances(() => store, undefined, cipher)
  return { link, store, instances, answer: (id) => instances.get(id).catch(codeOf) }
}

/** A process of its own, as far as Redis can tell. */
export async function openProcess(
  t: Test,
  url: string,
  options: Partial<OutageInstanceStoreOptions> = {},
  linkOptions: Partial<ClientLinkOptions> = {},
): Promise<StoreProcess> {
  return storeProcess(t, await openLink(t, url, linkOptions), options)
}
