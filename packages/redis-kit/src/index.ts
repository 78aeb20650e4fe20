export type { RedisArgument, RedisClient } from './client.js'
export {
  isRedisRefused,
  isRedisUnavailable,
  RedisMisuseError,
  RedisRefusedError,
  RedisUnavailableError,
  type Outcome,
  type RefusalReason,
} from './errors.js'
export { ClientLink, type ClientLinkOptions } from './client-link.js'
export type { LinkTraits, RedisLink, RunOptions, Subscription, SubscriptionHandler } from './link.js'
export type { LinkState, LinkStatus, StateListener } from './link-state.js'
export { Keyspace } from './keyspace.js'
export { defineScript, type Script } from './script.js'
