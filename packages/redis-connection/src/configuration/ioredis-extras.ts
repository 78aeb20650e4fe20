import type { RedisOptions } from 'ioredis'
import { redisConfigError } from '../errors.js'
import { isRecord, shape, type OptionCheck } from './option-check.js'

type RefusedIoredisOption =
  | 'enableOfflineQueue'
  | 'retryStrategy'
  | 'maxRetriesPerRequest'
  | 'lazyConnect'
  | 'keyPrefix'
  | 'host'
  | 'port'
  | 'path'
  | 'username'
  | 'password'
  | 'db'
  | 'tls'
  | 'family'
  | 'connectTimeout'
  | 'commandTimeout'
  | 'socketTimeout'
  | 'sentinels'
  | 'name'
  | 'sentinelPassword'
  | 'replyMapping'

// Each with the sentence that says why it is not the app's to set.
const refusedIoredisOptions: Readonly<Record<RefusedIoredisOption, string>> = {
  enableOfflineQueue:
    'A queued command that its caller has given up is still executed later, and the queue has no bound.',
  retryStrategy: 'The link schedules reconnects; a strategy that returns null would leave it dead for good.',
  maxRetriesPerRequest:
    'Only 0 rejects a command the moment its connection drops; others send it twice or leave it pending.',
  lazyConnect: 'The plugin opens the connection itself, so that the app starts without Redis.',
  keyPrefix: 'ioredis leaves SCAN patterns without it and BullMQ refuses it: use the option keyPrefix.',
  host: 'Use the option of this name.',
  port: 'Use the option of this name.',
  path: 'Use the option host, or a unix:// URL.',
  username: 'Use the option of this name.',
  password: 'Use the option of this name.',
  db: 'Use the option of this name.',
  tls: 'Use the option of this name.',
  family: 'Use the option of this name.',
  connectTimeout: 'Use the option connectTimeoutMs.',
  commandTimeout: 'It would take a blocked event loop for a dead Redis: use the option deadlineMs.',
  socketTimeout: 'It would take a blocked event loop for a dead Redis: use deadlineMs and heartbeatMs.',
  sentinels: 'Use the option sentinel.',
  name: 'Use the option sentinel.',
  sentinelPassword: 'Use the option sentinel.',
  replyMapping: 'Replies would come in shapes that the plugins do not expect.',
}

/** ioredis options without those that this plugin must set itself. */
export type IoredisExtras = Readonly<Omit<RedisOptions, RefusedIoredisOption>>

/** Refuses what would break a promise of the plugin; the rest is ioredis's to judge. */
export const checkIoredisExtras: OptionCheck = (value, name) => {
  if (!isRecord(value)) {
    shape({})(value, name)
    return
  }
  for (const [option, why] of Object.entries<string>(refusedIoredisOptions)) {
    if (value[option] === undefined) continue
    throw redisConfigError('STAY_REDIS_CONFIG_UNSAFE_OPTION', {
      what: `The option ${name}.${option} cannot be set.`,
      why,
      remedy: `Remove ${option} from ${name}. A client with settings of its own can be adopted by the option client.`,
    })
  }
}
