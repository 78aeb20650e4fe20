import type { RedisClient } from '@stayfast/redis-kit'
import { createIORedisClient, type IRedisClient } from 'bullmq'

type IoredisLike = Parameters<typeof createIORedisClient>[0]

/** What ioredis, its Cluster and iovalkey have beside what a link needs. */
function isIoredisLike(client: RedisClient): client is RedisClient & IoredisLike {
  return ['pipeline', 'multi', 'duplicate', 'defineCommand', 'bzpopmin'].every((name) => name in client)
}

/**
 * A client that may wait for work, as BullMQ uses it.
 *
 * - It need not ask the server for its version: that is known.
 * - Told to disconnect while it waits to reconnect, ioredis gives its attempts up without saying so, and
 *   whoever waits for its end waits for ever.
 *
 * @throws TypeError when it is none of ioredis, its Cluster and iovalkey.
 */
export function blockingClient(client: RedisClient, info: string): IRedisClient {
  if (!isIoredisLike(client)) {
    throw new TypeError('BullMQ cannot wait for work on this client: pass one of ioredis or iovalkey.')
  }
  const adapted = createIORedisClient(client)
  const overrides = {
    info: () => Promise.resolve(info),
    disconnect: (reconnect = false): void => {
      const unheard = adapted.status === 'reconnecting' && !reconnect
      adapted.disconnect(reconnect)
      if (!unheard || adapted.status !== 'reconnecting') return
      adapted.status = 'end'
      queueMicrotask(() => adapted.emit('end'))
    },
  }
  return new Proxy(adapted, {
    get: (target, name): unknown => Reflect.get(Object.hasOwn(overrides, name) ? overrides : target, name),
  })
}
