import {
  checkOptions as checkAll,
  optionRule,
  type EncryptionKey,
  type OptionRules,
  type RedisOption,
} from '@stayfast/redis-kit'
import type { FastifyRequest } from 'fastify'
import { InstanceOptionError } from './errors.js'
import { instanceIdFromRequest } from './instance-id-from-request.js'

/** Options of the plugin. All have defaults. */
export interface TenantInstanceStoreOptions {
  /**
   * Which Redis: a link, a client of the app, the name of an \@fastify/redis namespace, or `false` for
   * memory. Without it: `app.redisConnection`, then `app.redis`, then memory.
   */
  readonly redis?: RedisOption
  /** Use a client of the app itself instead of a duplicate of it. Saves a connection, weakens the promises. */
  readonly share?: boolean
  /** Name of the decorator on the app. */
  readonly decorateAs?: string
  /** Name of the decorator on the request that `require` sets. */
  readonly decorateRequestAs?: string
  /** Stands before each key, after the prefix of the connection, where there is one. */
  readonly keyPrefix?: string
  /** Seconds until an instance that nobody uses is forgotten. */
  readonly ttlSeconds?: number
  /** The TTL is renewed by use, at most once in this many seconds. */
  readonly renewEverySeconds?: number
  /** Bytes that one instance may take as JSON. */
  readonly maxBytes?: number
  /**
   * What becomes of a write while Redis is away: `'buffer'` accepts it (`durability: 'buffered'`) and
   * does it when Redis is back, `'reject'` answers 503.
   */
  readonly onOutage?: 'buffer' | 'reject'
  /** Writes that may wait for Redis; more are refused. */
  readonly maxBufferedWrites?: number
  /** Seconds that the end of the app may wait for them. */
  readonly flushSeconds?: number
  /**
   * Answer from this process's memory what no process has changed, without a command. The processes keep
   * each other informed over a bus: a connection more, and 1.5 commands a second when idle.
   */
  readonly answerFromMemory?: boolean
  /** Instances that this process remembers, for speed and for outages. */
  readonly maxLocalInstances?: number
  /**
   * The app's own record of its merchants, such as its database: asked when Redis does not know an
   * instance or cannot be asked. Resolves with `undefined` where there is none.
   */
  readonly source?: InstanceSource
  /**
   * Encrypts the values at rest (AES-256-GCM): the first key encrypts, all of them decrypt. Without it
   * they lie in Redis as they are.
   */
  readonly encryptionKeys?: readonly EncryptionKey[]
  /** Instances that are kept where there is no Redis; more are refused. */
  readonly maxInstancesInMemory?: number
  /** Sent as Retry-After with each 503. */
  readonly retryAfterSeconds?: number
  /** Where a request says which instance it is for; may be async. */
  readonly instanceIdFrom?: (request: FastifyRequest) => unknown
  /** The app's own rule for ids, beside the general one; such as UUIDs only. */
  readonly isInstanceId?: (id: string) => boolean
}

/** The app's own record of an instance. */
export interface InstanceSource {
  readonly load: (id: string) => Promise<object | null | undefined>
}

/** {@link TenantInstanceStoreOptions} with the defaults filled in. */
export type CheckedOptions = Required<Omit<TenantInstanceStoreOptions, OptionWithoutDefault>> &
  Pick<TenantInstanceStoreOptions, OptionWithoutDefault>

type OptionWithoutDefault = 'redis' | 'isInstanceId' | 'source'

const dayInSeconds = 86_400

/** What holds where an option is not given. */
export const defaultOptions: Readonly<Omit<CheckedOptions, OptionWithoutDefault>> = Object.freeze({
  share: false,
  decorateAs: 'tenantInstances',
  decorateRequestAs: 'tenantInstance',
  keyPrefix: '',
  ttlSeconds: 30 * dayInSeconds,
  renewEverySeconds: dayInSeconds,
  maxBytes: 65_536,
  onOutage: 'buffer',
  maxBufferedWrites: 10_000,
  flushSeconds: 2,
  answerFromMemory: true,
  maxLocalInstances: 10_000,
  encryptionKeys: [],
  maxInstancesInMemory: 10_000,
  retryAfterSeconds: 2,
  instanceIdFrom: instanceIdFromRequest,
} satisfies Omit<CheckedOptions, OptionWithoutDefault>)

const rules: OptionRules<TenantInstanceStoreOptions> = {
  redis: optionRule.redis,
  share: optionRule.yesOrNo,
  decorateAs: optionRule.name,
  decorateRequestAs: optionRule.name,
  keyPrefix: optionRule.text,
  ttlSeconds: optionRule.seconds,
  renewEverySeconds: optionRule.seconds,
  maxBytes: optionRule.wholeNumber(1),
  onOutage: optionRule.oneOf('buffer', 'reject'),
  maxBufferedWrites: optionRule.wholeNumber(1),
  flushSeconds: optionRule.number(0, 600),
  answerFromMemory: optionRule.yesOrNo,
  maxLocalInstances: optionRule.entries,
  source: {
    wants: 'an object with a function load',
    accepts: (value) =>
      typeof value === 'object' && value !== null && 'load' in value && typeof value.load === 'function',
  },
  encryptionKeys: optionRule.encryptionKeys,
  maxInstancesInMemory: optionRule.entries,
  retryAfterSeconds: optionRule.seconds,
  instanceIdFrom: optionRule.callable,
  isInstanceId: optionRule.callable,
}

/**
 * Fills in the defaults. An option that is `undefined` counts as not given.
 *
 * @throws STAY_INSTANCE_OPTION_INVALID for an option that does not exist or cannot have its value.
 */
export function checkOptions(options: TenantInstanceStoreOptions): CheckedOptions {
  const refuse = (message: string): Error => new InstanceOptionError(message)
  const checked: CheckedOptions = {
    ...defaultOptions,
    ...checkAll('tenant-instance-store', options, rules, refuse),
  }
  if (checked.renewEverySeconds >= checked.ttlSeconds) {
    throw new InstanceOptionError(
      `renewEverySeconds (${checked.renewEverySeconds}) must be less than ttlSeconds (${checked.ttlSeconds}), or instances in use would expire.`,
    )
  }
  return checked
}
