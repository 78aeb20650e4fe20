import type { RedisLink } from '@stayfast/redis-kit'
import { ErrorCode, QueueKeys, type Job, type Queue } from 'bullmq'
import { pageRange } from './dead-letter-page.js'
import type { DeadLetter, DeadLetterListOptions, DeadLetterPage, DeadLetters } from './dead-letters.js'
import { isQueuedEvent } from './queued-event.js'

/** The jobs that BullMQ calls failed: it drops none of them by itself. */
export class BullDeadLetters implements DeadLetters {
  readonly #link: RedisLink
  readonly #queue: () => Promise<Queue>

  constructor(link: RedisLink, queue: () => Promise<Queue>) {
    this.#link = link
    this.#queue = queue
  }

  async list(options: DeadLetterListOptions = {}): Promise<DeadLetterPage> {
    const { start, limit } = pageRange(options)
    const queue = await this.#queue()
    const jobs = await queue.getJobs(['failed'], start, start + limit)
    const items = jobs.slice(0, limit).map(deadLetterOf)
    return jobs.length > limit ? { items, cursor: String(start + limit) } : { items }
  }

  async replay(id: string): Promise<boolean> {
    const queue = await this.#queue()
    const job = await failedJob(queue, id)
    if (job === undefined) return false
    // Those who took their workers down with them are marked, and a job so marked fails before it is run.
    await this.#link.run((redis) => redis.call('HDEL', queue.toKey(id), 'defa', 'stc'))
    return unless(ErrorCode.JobNotInState, () =>
      job.retry('failed', { resetAttemptsMade: true, resetAttemptsStarted: true }),
    )
  }

  async discard(id: string): Promise<boolean> {
    const queue = await this.#queue()
    const job = await failedJob(queue, id)
    if (job === undefined) return false
    await job.remove()
    return true
  }
}

/** Other keys of the queue end in such words: asked for as a job, some of them are an error of their type. */
const keysOfQueue = new Set(Object.keys(new QueueKeys().getKeys('')))

async function failedJob(queue: Queue, id: string): Promise<Job | undefined> {
  if (keysOfQueue.has(id)) return undefined
  const job: Job | undefined = await queue.getJob(id)
  return job?.finishedOn === undefined ? undefined : job
}

/** False when somebody else was faster. */
async function unless(code: ErrorCode, work: () => Promise<void>): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error) {
      if (error.code === code || error.code === ErrorCode.JobNotExist) return false
    }
    throw error
  }
}

function deadLetterOf(job: Job): DeadLetter {
  const event: unknown = job.data
  const known = isQueuedEvent(event) ? event : undefined
  return {
    id: job.id ?? '',
    provider: known?.provider ?? '',
    topic: known?.topic ?? job.name,
    tenantId: known?.tenantId ?? '',
    eventId: known?.id ?? '',
    receivedAt: new Date(known?.receivedAtMs ?? job.timestamp),
    failedAt: new Date(job.finishedOn ?? 0),
    attempts: job.attemptsMade,
    reason: job.failedReason,
  }
}
