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
export { adoptClient, duplicateSafely, type AdoptOptions } from './adopt-client.js'
export { ClientLink, type ClientLinkOptions } from './client-link.js'
export type {
  LinkCounters,
  LinkTraits,
  RedisLink,
  RunOptions,
  Subscription,
  SubscriptionHandler,
} from './link.js'
export type { LinkState, LinkStatus, StateListener } from './link-state.js'
export { FieldCipher, type EncryptionKey, type Undecipherable } from './field-cipher.js'
export { Keyspace } from './keyspace.js'
export { OffLink } from './off-link.js'
export { OutageReporter, type OutageLogger, type OutageReporterOptions } from './outage-reporter.js'
export { reconnectDelay } from './reconnect-delay.js'
export { redactError } from './redacted-error.js'
export { RedisClock } from './redis-clock.js'
export { bootWait } from './plugin/boot-wait.js'
export {
  healthReport,
  healthReporterOf,
  offerHealthReport,
  type HealthReport,
  type HealthReporter,
} from './plugin/health-report.js'
export { didYouMean, nearestName } from './plugin/nearest-name.js'
export {
  checkOptions,
  optionRule,
  type CommonRules,
  type OptionRule,
  type OptionRules,
} from './plugin/option-rules.js'
export { resolveLink, type RedisOption, type ResolvedLink } from './plugin/resolve-link.js'
export { tellStart, type StartLogger } from './plugin/start-line.js'
export { SharedLink } from './shared-link.js'
export { defineScript, type Script } from './script.js'
export { Bus, type BusHandler, type BusOptions, type Delivery, type Envelope } from './bus.js'
export { busPublishLua, type BusReply } from './bus-script.js'
export {
  Outbox,
  OutboxFullError,
  type Intent,
  type OutboxLogger,
  type OutboxOptions,
  type QuarantinedIntent,
} from './outbox.js'
export { StampSource, stampUs, type Stamp } from './stamp.js'
export { LocalCopies, type LocalCopiesOptions, type LocalCopy, type PendingRead } from './local-copies.js'
export { TurnBatch, type Share, type TurnBatchOptions } from './turn-batch.js'
