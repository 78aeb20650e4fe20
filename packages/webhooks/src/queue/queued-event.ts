import type { QueuedEvent } from './event-queue.js'

const texts = ['provider', 'tenantId', 'id', 'topic', 'body', 'fingerprint'] as const

/** Whether data that lay in Redis are an event, and not something that somebody else put into the queue. */
export function isQueuedEvent(data: unknown): data is QueuedEvent {
  if (typeof data !== 'object' || data === null) return false
  return (
    texts.every((name) => typeof Reflect.get(data, name) === 'string') &&
    typeof Reflect.get(data, 'receivedAtMs') === 'number'
  )
}
