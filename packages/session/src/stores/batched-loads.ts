import type { RedisLink } from '@stayfast/redis-kit'
import { loadScript } from './session-scripts.js'

/** A reply of at most a few 100 KB, which does not keep the server from others for long. */
const sessionsPerCommand = 50

/** Who waits for one session of a batch. */
interface Waiter {
  resolve(reply: string): void
  reject(error: unknown): void
}

interface Batch {
  readonly keys: string[]
  readonly waiters: Waiter[]
}

/**
 * Loads sessions. Those that are asked for in the same turn of the event loop share one command, one
 * write to the socket and one deadline.
 *
 * On a cluster each goes alone: a command takes keys of one slot, and a shard that is down must not
 * take the others along.
 */
export class BatchedLoads {
  readonly #link: RedisLink
  readonly #args: readonly (string | number)[]
  #open: Batch | undefined

  constructor(link: RedisLink, args: readonly (string | number)[]) {
    this.#link = link
    this.#args = args
  }

  /** The reply of {@link loadScript} for one session. */
  load(key: string, watermarkKey: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const batch = this.#link.traits.cluster ? this.#begin() : (this.#open ??= this.#begin())
      batch.keys.push(key, watermarkKey)
      batch.waiters.push({ resolve, reject })
      if (batch.waiters.length >= sessionsPerCommand) this.#open = undefined
    })
  }

  #begin(): Batch {
    const batch: Batch = { keys: [], waiters: [] }
    // Behind all sockets that are read in this turn: each of their requests may ask for a session.
    setImmediate(() => {
      if (this.#open === batch) this.#open = undefined
      this.#run(batch)
    })
    return batch
  }

  #run({ keys, waiters }: Batch): void {
    this.#link
      .run((client) => loadScript.run(client, keys, this.#args))
      .then(
        (replies) => {
          for (const [index, waiter] of waiters.entries()) waiter.resolve(replies[index] ?? '')
        },
        (error: unknown) => {
          for (const waiter of waiters) waiter.reject(error)
        },
      )
  }
}
