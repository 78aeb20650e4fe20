import { performance } from 'node:perf_hooks'
import { classify } from './classify.js'
import type { RedisClient } from './client.js'
import { startDeadline } from './deadline.js'
import { isRedisRefused, isRedisUnavailable, RedisUnavailableError } from './errors.js'

/** What {@link TimedCommands} sends, and whom it tells. */
export interface TimedCommandsOptions {
  /** The link's, for messages. */
  readonly name: string
  readonly client: RedisClient
  /** The server has answered that it is a replica. */
  readonly onReadOnly: () => void
}

/** Commands that settle within their deadline, whatever the client does, and with an error of this package. */
export class TimedCommands {
  readonly #options: TimedCommandsOptions
  #answered = 0
  #missed = 0
  #lastAnswerMs = performance.now()

  constructor(options: TimedCommandsOptions) {
    this.#options = options
  }

  get answered(): number {
    return this.#answered
  }

  get missed(): number {
    return this.#missed
  }

  /** Milliseconds since the last answer; since the beginning while there was none. */
  get silentMs(): number {
    return performance.now() - this.#lastAnswerMs
  }

  /**
   * Settles with the work or at its deadline, whichever comes first.
   *
   * @param onMissed - Told of a missed deadline, after the caller was.
   */
  run<T>(
    work: (client: RedisClient) => Promise<T>,
    deadlineMs: number,
    onMissed?: (error: RedisUnavailableError) => void,
  ): Promise<T> {
    const { name, client, onReadOnly } = this.#options
    return new Promise<T>((resolve, reject) => {
      const cancel = startDeadline(deadlineMs, () => {
        const error = new RedisUnavailableError(
          `Redis (${name}) did not answer within ${deadlineMs} ms; the command may still run. Try again later.`,
          { outcome: 'unknown', status: 'suspect' },
        )
        this.#missed += 1
        reject(error)
        onMissed?.(error)
      })
      const fail = (error: unknown): void => {
        cancel()
        const classified = classify(error, name)
        if (!isRedisUnavailable(classified)) this.#noteAnswer()
        if (isRedisRefused(classified) && classified.reason === 'read-only') onReadOnly()
        // The client's own error is the caller's to see when it did not come from Redis.
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
        reject(classified)
      }
      try {
        work(client).then((value) => {
          cancel()
          this.#noteAnswer()
          resolve(value)
        }, fail)
      } catch (error) {
        fail(error)
      }
    })
  }

  #noteAnswer(): void {
    this.#answered += 1
    this.#lastAnswerMs = performance.now()
  }
}
