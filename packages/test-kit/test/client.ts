import { Redis, type RedisOptions } from 'ioredis'
import type { Test } from 'tap'

type ClientOptions = Pick<
  RedisOptions,
  'commandTimeout' | 'enableReadyCheck' | 'protocol' | 'retryStrategy' | 'tls'
>

/** A client that fails at once, stays calm about it, and goes when the test ends. */
export function client(t: Test, url: string, options: ClientOptions = {}): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => 20, ...options })
  redis.on('error', () => undefined)
  t.teardown(() => redis.disconnect())
  return redis
}
