import type { RedisClient, RedisLink } from '@stayfast/redis-kit'
import { readManyScript, storedRow, type StoredRow } from './instance-scripts.js'

/** A reply of at most a few MB, which does not keep the server from others for long. */
const keysPerCommand = 100

interface Batch {
  readonly keys: string[]
  readonly rows: Promise<readonly StoredRow[]>
}

/**
 * Reads instances. Those that are asked for in the same turn of the event loop share one command, one
 * write to the socket and one deadline; one that comes alone is a plain HMGET.
 *
 * On a cluster each goes alone: a command takes keys of one slot, and a shard that is down must not
 * take the others along.
 */
export class BatchedReads {
  readonly #link: RedisLink
  #open: Batch | undefined

  constructor(link: RedisLink) {
    this.#link = link
  }

  async read(key: string): Promise<StoredRow> {
    if (this.#link.traits.cluster) return this.#link.run((client) => readOne(client, key))
    this.#open ??= this.#begin()
    const { keys, rows } = this.#open
    const index = keys.push(key) - 1
    if (keys.length >= keysPerCommand) this.#open = undefined
    return (await rows)[index] ?? missing
  }

  /** Many at once, in the order of the keys. */
  readAll(keys: readonly string[]): Promise<readonly StoredRow[]> {
    return Promise.all(keys.map((key) => this.read(key)))
  }

  #begin(): Batch {
    const keys: string[] = []
    const rows = new Promise<readonly StoredRow[]>((resolve) => {
      process.nextTick(() => {
        if (this.#open?.keys === keys) this.#open = undefined
        resolve(this.#link.run((client) => readKeys(client, keys)))
      })
    })
    return { keys, rows }
  }
}

const missing: StoredRow = { kind: 'missing' }

async function readKeys(client: RedisClient, keys: readonly string[]): Promise<readonly StoredRow[]> {
  const [first, ...others] = keys
  if (first !== undefined && others.length === 0) return [await readOne(client, first)]
  return readManyScript.run(client, keys, [])
}

async function readOne(client: RedisClient, key: string): Promise<StoredRow> {
  return storedRow(await client.hmget(key, 'json', 'seen'))
}
