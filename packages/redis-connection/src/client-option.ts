import type { RedisClient } from '@stayfast/redis-kit'

/** Changes an option of an ioredis client, which reads it anew each time it connects. */
export function setClientOption(client: RedisClient, name: string, value: unknown): void {
  const options: unknown = Reflect.get(client, 'options')
  if (typeof options === 'object' && options !== null) Reflect.set(options, name, value)
}
