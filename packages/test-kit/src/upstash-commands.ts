/**
 * Commands that Upstash does not list as supported and that clients and libraries do send. They answer "unknown
 * command", which is what a server without them says.
 *
 * Source: https://upstash.com/docs/redis/overall/rediscompatibility
 */
export const commandsUpstashRefuses: readonly string[] = Object.freeze([
  'bgrewriteaof',
  'bgsave',
  'cluster',
  'config',
  'debug',
  'failover',
  'fcall',
  'fcall_ro',
  'function',
  'lastsave',
  'latency',
  'memory',
  'migrate',
  'module',
  'move',
  'object',
  'psync',
  'replicaof',
  'role',
  'save',
  'shutdown',
  'slaveof',
  'slowlog',
  'sort',
  'sort_ro',
  'spublish',
  'ssubscribe',
  'swapdb',
  'wait',
])

/** Of these, those that Redis 6 does not have either. */
export const commandsSinceRedis7: ReadonlySet<string> = new Set([
  'fcall',
  'fcall_ro',
  'function',
  'sort_ro',
  'spublish',
  'ssubscribe',
])

/** A subcommand cannot be renamed away; these are refused by the ACL ("NOPERM"). */
export const subcommandsUpstashRefuses: readonly string[] = Object.freeze([
  'client|caching',
  'client|tracking',
])
