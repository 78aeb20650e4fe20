import type { FastifyInstance } from 'fastify'
import type { WebhookRedis } from './find-redis.js'
import type { CheckedOptions } from './options.js'
import type { EventQueue, OnFailure } from './queue/event-queue.js'
import { MemoryEventQueue } from './queue/memory-event-queue.js'

/** Opens the queue where Redis is, or in memory where there is none. */
export async function openQueue(
  app: FastifyInstance,
  redis: WebhookRedis | undefined,
  options: CheckedOptions,
  onFailure: OnFailure,
): Promise<EventQueue> {
  if (redis === undefined) {
    return new MemoryEventQueue({ ...options, maxEvents: options.maxInMemory, onFailure })
  }
  // Loading BullMQ takes a third of a second of a processor, which an app without Redis is spared.
  const { BullEventQueue } = await import('./queue/bull-event-queue.js')
  return new BullEventQueue({
    ...options,
    link: redis.queue.link,
    openBlocking: redis.openBlocking,
    onFailure,
    logger: {
      debug: (details, message) => {
        app.log.debug(details, message)
      },
      warn: (details, message) => {
        app.log.warn(details, message)
      },
    },
  })
}
