import { isRedisRefused, isRedisUnavailable, type RedisClient, type RedisLink } from '@stayfast/redis-kit'
import { ConnectionClosedError } from 'bullmq'

/**
 * Sends the commands of a worker, which has nothing better to do than wait for Redis.
 *
 * Whatever fails is told to BullMQ as a lost connection: that is the one failure after which it pauses
 * and tries the same again. Any other it would take for the failure of the handler that has just ended
 * well, or try again at once and without end.
 */
export class PatientSender {
  readonly #link: RedisLink
  readonly #onRefused: (reason: string) => void
  readonly #waiting = new Set<(error: Error) => void>()
  #stopped = false

  constructor(link: RedisLink, onRefused: (reason: string) => void) {
    this.#link = link
    this.#onRefused = onRefused
  }

  readonly send = async <T>(work: (redis: RedisClient) => Promise<T>): Promise<T> => {
    await this.#up()
    try {
      return await this.#link.run(work)
    } catch (error) {
      if (isRedisRefused(error)) this.#onRefused(error.reason)
      throw lost(error)
    }
  }

  /** From now on nothing is waited for. */
  stop(): void {
    this.#stopped = true
    for (const reject of this.#waiting) reject(lost())
  }

  #up(): Promise<void> {
    if (this.#stopped) return Promise.reject(lost())
    if (this.#link.status === 'up') return Promise.resolve()
    return new Promise((resolve, reject) => {
      const settle = (error?: Error): void => {
        stopListening()
        this.#waiting.delete(settle)
        if (error === undefined) resolve()
        else reject(error)
      }
      const stopListening = this.#link.onChange(({ status }) => {
        if (status === 'up') settle()
        else if (status === 'closed') settle(lost())
      })
      this.#waiting.add(settle)
    })
  }
}

/** Whether a command that failed in the hands of a {@link PatientSender} may have been carried out. */
export function mayHaveRun(error: unknown): boolean {
  if (!(error instanceof ConnectionClosedError)) return false
  const { cause } = error
  return isRedisUnavailable(cause) && cause.outcome === 'unknown'
}

function lost(cause?: unknown): ConnectionClosedError {
  return new ConnectionClosedError(undefined, cause instanceof Error ? cause : undefined)
}
