export { tenantInstanceStore, tenantInstanceStore as default } from './plugin.js'
export type { EncryptionKey } from '@stayfast/redis-kit'
export type { InstanceSource, TenantInstanceStoreOptions } from './options.js'
export type {
  InstancePage,
  ListOptions,
  Saved,
  SaveOptions,
  TenantInstances,
  Updated,
} from './tenant-instances.js'
export type {
  InstanceChange,
  InstanceFields,
  TenantInstance,
  TenantInstanceFields,
} from './tenant-instance.js'
export type { Durability } from './stores/instance-store.js'
export type { JsonValue } from './json-value.js'
export type { RequireInstance } from './require-instance.js'
