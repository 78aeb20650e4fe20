import type { RedisClient, RedisLink } from '@stayfast/redis-kit'

/** A reply of at most some MB, which does not keep the server from others for long. */
const keysPerCommand = 500

interface Batch {
  readonly keys: string[]
  readonly replies: Promise<readonly (string | null)[]>
}

/**
 * Reads keys. What is asked for in the same turn of the event loop shares one MGET, one write to the
 * socket and one deadline. On a Cluster each key goes alone: a command takes keys of one slot, and a
 * shard that is down must not take the others along.
 */
export class BatchedReads {
  readonly #link: RedisLink
  #open: Batch | undefined

  constructor(link: RedisLink) {
    this.#link = link
  }

  /** The values in the order of the keys, as of one moment between the call and its answer. */
  async read(keys: readonly string[]): Promise<readonly (string | null)[]> {
    if (keys.length === 0) return []
    if (this.#link.traits.cluster) {
      return Promise.all(keys.map((key) => this.#link.run((client) => client.get(key))))
    }
    const batch = (this.#open ??= this.#begin())
    const first = batch.keys.length
    for (const key of keys) batch.keys.push(key)
    if (batch.keys.length >= keysPerCommand) this.#open = undefined
    const replies = await batch.replies
    return first === 0 && replies.length === keys.length ? replies : replies.slice(first, first + keys.length)
  }

  #begin(): Batch {
    const keys: string[] = []
    const replies = new Promise<readonly (string | null)[]>((resolve) => {
      process.nextTick(() => {
        if (this.#open?.keys === keys) this.#open = undefined
        resolve(this.#link.run((client) => readAll(client, keys)))
      })
    })
    return { keys, replies }
  }
}

function readAll(client: RedisClient, keys: readonly string[]): Promise<readonly (string | null)[]> {
  return client.mget(...keys)
}
