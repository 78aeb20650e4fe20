import { duplicateSafely, type RedisClient, type RedisLink } from '@stayfast/redis-kit'
import type { Test } from 'tap'
import { BullEventQueue, type BullEventQueueOptions } from '../dist/queue/bull-event-queue.js'
import { usual } from './event-queue-contract.js'

let queues = 0

/** A queue of its own on a server that others use as well, or one that is there already. */
export function openQueue(
  t: Test,
  link: RedisLink,
  client: object,
  options: Partial<BullEventQueueOptions> = {},
): { readonly queue: BullEventQueue; readonly queueName: string } {
  queues += 1
  const queueName = options.queueName ?? `test${queues}`
  const queue = new BullEventQueue({
    ...usual,
    link,
    openBlocking: (): RedisClient =>
      duplicateSafely(client, { enableOfflineQueue: true, maxRetriesPerRequest: null }),
    keyPrefix: '',
    queueName,
    logger: {
      debug: (details, message) => t.comment(message, details),
      warn: (details, message) => t.comment(message, details),
    },
    ...options,
  })
  t.teardown(() => queue.close(0))
  return { queue, queueName }
}
