import type { CacheEntry } from '../cache-entry.js'
import type { TagTable } from '../tags/tag-table.js'

/** How much a process remembers. */
export interface LocalLevelOptions {
  readonly table: TagTable
  readonly maxEntries: number
  readonly maxBytes: number
  readonly onEvicted: (key: string) => void
}

/** What an entry costs beside its value: the objects that hold it. */
const overheadBytes = 320

/** A place in the queue of those that are to go. */
interface Held {
  readonly key: string
  /** Undefined when it has gone: places that went may be remembered by those beside them for a while. */
  entry: CacheEntry | undefined
  readonly bytes: number
  /** Asked for since it was last looked at: it goes to the end of the queue instead of going. */
  used: boolean
  older: Held | undefined
  newer: Held | undefined
}

/**
 * The memory of one process, bounded in entries and in bytes. What came in first goes first, unless it was
 * asked for since (a queue with a second chance): a hit leaves a mark and moves nothing.
 */
export class LocalLevel {
  readonly #options: LocalLevelOptions
  readonly #held = new Map<string, Held>()
  #oldest: Held | undefined
  #newest: Held | undefined
  #bytes = 0

  constructor(options: LocalLevelOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#held.size
  }

  /** Bytes of the values as text, their keys, and what holds them. */
  get bytes(): number {
    return this.#bytes
  }

  get(key: string): CacheEntry | undefined {
    const held = this.#held.get(key)
    if (held === undefined) return undefined
    held.used = true
    return held.entry
  }

  /** One that is larger than all the memory is not kept. */
  set(key: string, entry: CacheEntry): void {
    this.delete(key)
    const bytes = overheadBytes + key.length + entry.bytes
    const { table, maxEntries, maxBytes } = this.#options
    if (bytes > maxBytes) return
    while (this.#held.size >= maxEntries || this.#bytes + bytes > maxBytes) this.#makeRoom()
    // An entry holds its tags: without their records nobody would hear of an invalidation.
    for (const record of entry.records) table.hold(record)
    const held: Held = { key, entry, bytes, used: false, older: undefined, newer: undefined }
    this.#held.set(key, held)
    this.#bytes += bytes
    this.#append(held)
  }

  delete(key: string): void {
    const held = this.#held.get(key)
    if (held === undefined) return
    this.#held.delete(key)
    this.#bytes -= held.bytes
    this.#unlink(held)
    for (const record of held.entry?.records ?? []) this.#options.table.release(record)
    held.entry = undefined
  }

  clear(): void {
    for (const key of this.#held.keys()) this.delete(key)
  }

  /** The oldest goes, or goes to the end where it was asked for. */
  #makeRoom(): void {
    const oldest = this.#oldest
    if (oldest === undefined) return
    if (oldest.used) {
      oldest.used = false
      this.#unlink(oldest)
      this.#append(oldest)
      return
    }
    this.delete(oldest.key)
    this.#options.onEvicted(oldest.key)
  }

  #append(held: Held): void {
    held.older = this.#newest
    if (this.#newest === undefined) this.#oldest = held
    else this.#newest.newer = held
    this.#newest = held
  }

  #unlink(held: Held): void {
    const { older, newer } = held
    held.older = undefined
    held.newer = undefined
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }
}
