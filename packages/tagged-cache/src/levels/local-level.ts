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

/** The memory of one process, bounded in entries and in bytes. */
export class LocalLevel {
  readonly #entries: LRUCache<string, CacheEntry>

  constructor({ table, maxEntries, maxBytes, onEvicted }: LocalLevelOptions) {
    this.#entries = new LRUCache({
      max: maxEntries,
      maxSize: maxBytes,
      sizeCalculation: (entry, key) => overheadBytes + key.length + entry.bytes,
      // An entry holds its tags: without their records nobody would hear of an invalidation.
      onInsert: (entry) => {
        for (const record of entry.records) table.hold(record)
      },
      dispose: (entry, key, reason) => {
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
    return this.#entries.get(key)
  }

  set(key: string, entry: CacheEntry): void {
    this.#entries.set(key, entry)
  }

  delete(key: string): void {
    this.#entries.delete(key)
  }

  /** Keeps only what passes. */
  keepOnly(passes: (entry: CacheEntry) => boolean): void {
    for (const [key, entry] of this.#entries) if (!passes(entry)) this.#entries.delete(key)
  }

  clear(): void {
    this.#entries.clear()
  }
}
