import type { CacheEntry } from '../cache-entry.js'
import type { Codec } from '../codec.js'
import type { DecodedEntry } from '../entry-factory.js'
import type { WatchedKey } from '../key-watch.js'
import type { TagRecord, TagTable } from '../tags/tag-table.js'
import type { TagVersion } from '../tags/tag-version.js'

/** What is looked up. Names are those of the whole cache. */
export interface Wanted {
  readonly name: string
  /** Of the scopes around it. */
  readonly epochs: readonly string[]
  readonly tags: readonly string[]
  readonly strong: boolean
  readonly codec: Codec<unknown>
}

/** What a look at memory and Redis brought. */
export interface Found {
  /** Nothing it depends on has changed; it may be behind its time. */
  readonly entry: CacheEntry | undefined
  /** Its value, where it had to be decoded anyway. */
  readonly decoded: DecodedEntry | undefined
  readonly level: 'local' | 'redis'
  /** The entry that lies in Redis, valid or not; empty where there is none. */
  readonly seenId: string
  /** The tags that were wanted, with what Redis (or this process) has now; undefined where there is none. */
  readonly records: readonly TagRecord[]
  readonly versions: readonly (TagVersion | undefined)[]
  /** Redis may be given what is loaded now. */
  readonly storable: boolean
  /** Redis could not be asked. */
  readonly offline: boolean
}

const notBegun = new Promise<Found>(() => undefined)
const noRecords: readonly TagRecord[] = []

/**
 * A look that is under way, shared by those who want the same. It holds the records of its tags until
 * the last of them has left: what nobody holds may be forgotten, and then its invalidation is not heard.
 */
export class Lookup implements WatchedKey {
  readonly wanted: Wanted
  /** As long as this is still so, whoever comes finds the same as the one who began. */
  readonly changes: number
  readonly key: string
  overtaken = false
  next: WatchedKey | undefined
  found: Promise<Found> = notBegun
  readonly #table: TagTable
  #records: readonly TagRecord[]
  /** Of the tags that the entry has, where it was read from Redis. */
  #held: readonly TagRecord[] = noRecords
  /** Who looks, and who began. */
  #users = 2

  constructor(wanted: Wanted, table: TagTable) {
    this.wanted = wanted
    this.key = wanted.name
    this.changes = table.changes
    this.#table = table
    const records: TagRecord[] = []
    for (const name of wanted.epochs) records.push(table.acquire(name))
    for (const name of wanted.tags) records.push(table.acquire(name))
    this.#records = records
  }

  /** Of the tags that are wanted. */
  get records(): readonly TagRecord[] {
    return this.#records
  }

  /** The records of these tags, until everybody has left. */
  hold(names: readonly string[]): readonly TagRecord[] {
    const held: TagRecord[] = []
    for (const name of names) held.push(this.#table.acquire(name))
    this.#held = held
    return held
  }

  join(): this {
    this.#users += 1
    return this
  }

  leave(): void {
    this.#users -= 1
    if (this.#users > 0) return
    for (const record of this.#records) this.#table.release(record)
    for (const record of this.#held) this.#table.release(record)
    // The engine's maps remember for a while what was taken out of them: let that weigh nothing.
    this.#records = noRecords
    this.#held = noRecords
    this.found = notBegun
  }
}
