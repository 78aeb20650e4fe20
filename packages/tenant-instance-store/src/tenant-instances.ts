import type { RequireInstance } from './require-instance.js'
import type { Durability } from './stores/instance-store.js'
import type { InstanceChange, InstanceFields, TenantInstance } from './tenant-instance.js'

/** What `save` answers. */
export interface Saved {
  /**
   * How safe the write is: `'redis'` as durable as that Redis is configured; `'buffered'` in this
   * process only, so that it is lost when the process dies. Without Redis it is always `'buffered'`.
   */
  readonly durability: Durability
  /** There was no such instance before. */
  readonly created: boolean
}

/** How `save` treats an instance that is there already. */
export interface SaveOptions {
  /**
   * Leave what is there as it is, and add only what is missing. For the first contact with a merchant,
   * which must not wipe the tokens of one who is known.
   */
  readonly ifAbsent?: boolean
}

/** What `update` answers. */
export interface Updated<Fields = InstanceFields> {
  readonly durability: Durability
  /** The whole instance as it is now, with what others have changed. */
  readonly instance: TenantInstance<Fields>
}

/** Where a listing goes on, and how much of it is wanted. */
export interface ListOptions {
  /** What the page before answered; leave it out for the first page. */
  readonly cursor?: string | undefined
  /** How many instances a page aims at: 1 to 1000, by default 50. A page may hold some more, or fewer. */
  readonly limit?: number | undefined
}

/** A page of instances. */
export interface InstancePage<Fields = InstanceFields> {
  readonly items: TenantInstance<Fields>[]
  /** Pass it on to get the next page. Undefined at the end, and only there: a page can be empty before. */
  readonly cursor: string | undefined
}

/**
 * `app.tenantInstances`: who has installed the app. All methods reject with coded errors, in whose
 * messages no value of a field ever stands.
 */
export interface TenantInstances<Fields = InstanceFields> {
  /**
   * Reads an instance, and renews its time to live.
   *
   * @returns Undefined when there is none.
   * @throws STAY_INSTANCE_ID_INVALID
   * @throws STAY_INSTANCE_UNKNOWN when Redis could not be asked.
   */
  get(id: string): Promise<TenantInstance<Fields> | undefined>

  /**
   * Creates an instance, or replaces it whole: a field that is not given (or `undefined`) is gone. To
   * change some fields of an instance use {@link update}.
   *
   * While Redis is away it is accepted and done later ({@link Saved.durability} tells). Of an instance
   * that this process does not know it then sets the given fields and leaves others as they are: what
   * cannot be seen is not wiped.
   *
   * @throws STAY_INSTANCE_ID_INVALID
   * @throws STAY_INSTANCE_INVALID when a value is no JSON.
   * @throws STAY_INSTANCE_TOO_LARGE
   * @throws STAY_INSTANCE_NOT_WRITTEN when Redis did not acknowledge it.
   * @throws STAY_INSTANCE_STORE_FULL when there is no Redis and memory is at its limit.
   */
  save(instance: TenantInstance<Fields>, options?: SaveOptions): Promise<Saved>

  /**
   * Changes some fields and leaves the others as they are. Whoever writes other fields at the same
   * moment, here or in another process, loses nothing. `undefined` removes a field; `null` is a value.
   *
   * @throws STAY_INSTANCE_NOT_FOUND when there is no such instance; none is made.
   * @throws STAY_INSTANCE_ID_INVALID
   * @throws STAY_INSTANCE_INVALID when a value is no JSON, or the change has another id.
   * @throws STAY_INSTANCE_TOO_LARGE when the instance would become too large; nothing is changed then.
   * @throws STAY_INSTANCE_NOT_WRITTEN when Redis did not acknowledge it.
   */
  update(id: string, change: InstanceChange<Fields>): Promise<Updated<Fields>>

  /**
   * Deletes an instance.
   *
   * @returns Whether there was one.
   * @throws STAY_INSTANCE_ID_INVALID
   * @throws STAY_INSTANCE_NOT_WRITTEN when Redis did not acknowledge it.
   */
  delete(id: string): Promise<boolean>

  /**
   * Lists the instances in no particular order. Each one that is there during the whole listing is
   * returned; what is saved or deleted meanwhile may be. One can come twice when Redis rearranges its
   * table. Being listed does not renew the time to live.
   *
   * @throws STAY_INSTANCE_PAGE_INVALID when the cursor or the limit is none.
   * @throws STAY_INSTANCE_UNKNOWN when Redis could not be asked.
   */
  list(options?: ListOptions): Promise<InstancePage<Fields>>

  /**
   * A preHandler for routes of a tenant: sets `request.tenantInstance`, or ends the request with
   * 404 STAY_INSTANCE_NOT_FOUND, 503 STAY_INSTANCE_UNKNOWN (with Retry-After), or 400
   * STAY_INSTANCE_ID_INVALID.
   */
  readonly require: RequireInstance
}
