export { redisConnection, redisConnection as default } from './plugin.js'
export type { ConnectionCheckResult } from './connection-check.js'
export type { ProviderName, RedisConnection } from './connection.js'
export { redisConfigErrorCodes, type RedisConfigErrorCode } from './errors.js'
export type {
  AdoptableClient,
  Environment,
  NodeAddress,
  RedisConnectionOptions,
  Role,
  RoleOptions,
  TlsOptions,
} from './options.js'
export type { AddressFamily } from './configuration/connection-url.js'
export type { IoredisExtras } from './configuration/ioredis-extras.js'
export type { ProviderId } from './configuration/providers.js'
export type { ServerFacts } from './server-facts.js'
