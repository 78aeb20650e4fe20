import type { RedisLink } from '@stayfast/redis-kit'
import { loadScript } from './session-scripts.js'

/** A reply of at most a few 100 KB, which does not keep the server from others for long. */
const sessionsPerCommand = 50

interface Batch {
  readonly keys: string[]
  readonly replies: Promise<readonly string[]>
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
  async load(key: string, watermarkKey: string): Promise<string> {
    if (this.#link.traits.cluster) return (await this.#run([key, watermarkKey]))[0] ?? ''
    this.#open ??= this.#begin()
    const { keys, replies } = this.#open
    const index = keys.push(key, watermarkKey) / 2 - 1
    if (keys.length >= 2 * sessionsPerCommand) this.#open = undefined
    return (await replies)[index] ?? ''
  }

  #begin(): Batch {
    const keys: string[] = []
    const replies = new Promise<readonly string[]>((resolve) => {
      process.nextTick(() => {
        if (this.#open?.keys === keys) this.#open = undefined
        resolve(this.#run(keys))
      })
    })
    return { keys, replies }
  }

  #run(keys: readonly string[]): Promise<readonly string[]> {
    return this.#link.run((client) => loadScript.run(client, keys, this.#args))
  }
}
