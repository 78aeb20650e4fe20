import { LRUCache } from 'lru-cache'
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

/**
 * The memory of one process, bounded in entries and in bytes. What was used longest ago goes first, where
 * time is told by what came in: between two of these nothing goes, and a hit need not move anything.
 */
export class LocalLevel {
  readonly #entries: LRUCache<string, CacheEntry>
  /** The same entries, without their order: reading it is what a hit costs. */
  readonly #index = new Map<string, CacheEntry>()
  #taken = 0

  constructor({ table, maxEntries, maxBytes, onEvicted }: LocalLevelOptions) {
    this.#entries = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: (entry, key) => overheadBytes + key.length + entry.bytes,
      // An entry holds its tags: without their records nobody would hear of an invalidation.
      onInsert: (entry, key) => {
        for (const record of entry.records) table.hold(record)
        this.#index.set(key, entry)
      },
      dispose: (entry, key, reason) => {
        if (this.#index.get(key) === entry) this.#index.delete(key)
        for (const record of entry.records) table.release(record)
        if (reason === 'evict') onEvicted(key)
      },
    })
  }

  get size(): number {
    return this.#entries.size
  }

  /** Bytes of the values as text, their keys, and what holds them. */
  get bytes(): number {
    return this.#entries.calculatedSize
  }

  get(key: string): CacheEntry | undefined {
    const entry = this.#index.get(key)
    if (entry !== undefined && entry.usedAt !== this.#taken) {
      entry.usedAt = this.#taken
      this.#entries.get(key)
    }
    return entry
  }

  set(key: string, entry: CacheEntry): void {
    this.#taken += 1
    entry.usedAt = this.#taken
    this.#entries.set(key, entry)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }
}
