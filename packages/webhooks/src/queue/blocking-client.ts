import type { RedisClient } from '@stayfast/redis-kit'
import { ConnectionClosedError, createIORedisClient, type IRedisClient } from 'bullmq'

type IoredisLike = Parameters<typeof createIORedisClient>[0]

/** What ioredis, its Cluster and iovalkey have beside what a link needs. */
function isIoredisLike(client: RedisClient): client is RedisClient & IoredisLike {
  return ['pipeline', 'multi', 'duplicate', 'defineCommand', 'bzpopmin'].every((name) => name in client)
}

/** A client that may wait for work, as BullMQ uses it. */
export interface BlockingClient {
  readonly client: IRedisClient
  /** Disconnects for good. */
  readonly end: () => void
}

/**
 * Makes a client that may wait for work fit for BullMQ.
 *
 * - It need not ask the server for its version: that is known.
 * - Told to disconnect while it waits to reconnect, ioredis gives its attempts up without saying so. Whoever
 *   waits for its end, or for the command that it keeps, would wait for ever.
 * - BullMQ connects again when a command has waited too long, also while its worker is being closed: a
 *   connection that nobody closes would keep the process running.
 *
 * @throws TypeError when it is none of ioredis, its Cluster and iovalkey.
 */
export function blockingClient(client: RedisClient, info: string): BlockingClient {
  if (!isIoredisLike(client)) {
    throw new TypeError('BullMQ cannot wait for work on this client: pass one of ioredis or iovalkey.')
  }
  const adapted = createIORedisClient(client)
  const waiting = new Set<(error: Error) => void>()
  let ended = false

  const overrides: Record<string | symbol, unknown> = {
    info: () => Promise.resolve(info),
    connect: () => (ended ? Promise.reject(new ConnectionClosedError()) : adapted.connect()),
    disconnect: (reconnect = false): void => {
      const unheard = adapted.status === 'reconnecting' && !reconnect
      adapted.disconnect(reconnect)
      if (!unheard || adapted.status !== 'reconnecting') return
      adapted.status = 'end'
      for (const reject of waiting) reject(new ConnectionClosedError())
      queueMicrotask(() => adapted.emit('end'))
    },
    bzpopmin: (key: string, timeoutSeconds: number) =>
      new Promise((resolve, reject) => {
        waiting.add(reject)
        adapted
          .bzpopmin(key, timeoutSeconds)
          .then(resolve, reject)
          .finally(() => waiting.delete(reject))
      }),
  }
  const wrapped = new Proxy(adapted, {
    get: (target, name): unknown => Reflect.get(Object.hasOwn(overrides, name) ? overrides : target, name),
    // On a Cluster BullMQ puts its own command around ours.
    set: (target, name, value) =>
      Reflect.set(Object.hasOwn(overrides, name) ? overrides : target, name, value),
  })
  return {
    client: wrapped,
    end: () => {
      ended = true
      wrapped.disconnect()
      for (const reject of waiting) reject(new ConnectionClosedError())
    },
  }
}
