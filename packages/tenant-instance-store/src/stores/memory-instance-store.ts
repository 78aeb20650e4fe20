import { LRUCache } from 'lru-cache'
import { StoreFullError } from '../errors.js'
import { checkSize, documentText, type ChangeTexts, type FieldTexts } from '../tenant-instance.js'
import type { DocumentPage, InstanceStore, PageRequest } from './instance-store.js'
import { decodeCursor, encodeCursor } from './page-cursor.js'

/** Options of {@link MemoryInstanceStore}. */
export interface MemoryInstanceStoreOptions {
  readonly ttlSeconds: number
  readonly maxBytes: number
  /** At the limit new instances are refused; none that was accepted is dropped. */
  readonly maxInstances: number
  /** Milliseconds; for tests. */
  readonly clock?: { now(): number }
}

type Position = readonly [kind: 'memory', afterId: string]

function isPosition(position: unknown): position is Position {
  return (
    Array.isArray(position) &&
    position.length === 2 &&
    position[0] === 'memory' &&
    typeof position[1] === 'string'
  )
}

/** Instances in this process: for development, and for an app that has no Redis. They die with it. */
export class MemoryInstanceStore implements InstanceStore {
  readonly durability = 'buffered'
  readonly #options: MemoryInstanceStoreOptions
  readonly #instances: LRUCache<string, FieldTexts>

  constructor(options: MemoryInstanceStoreOptions) {
    this.#options = options
    this.#instances = new LRUCache({
      max: options.maxInstances,
      ttl: options.ttlSeconds * 1000,
      updateAgeOnGet: true,
      ...(options.clock === undefined ? {} : { perf: options.clock, ttlResolution: 0 }),
    })
  }

  read(id: string): Promise<string | undefined> {
    const fields = this.#instances.get(id)
    return Promise.resolve(fields === undefined ? undefined : documentText(id, fields))
  }

  // Async, so that what is thrown inside rejects, as it does with Redis.
  // eslint-disable-next-line @typescript-eslint/require-await
  async replace(id: string, fields: FieldTexts): Promise<{ created: boolean }> {
    checkSize(documentText(id, fields), this.#options.maxBytes)
    const created = !this.#instances.has(id)
    if (created) this.#makeRoom()
    this.#instances.set(id, new Map(fields))
    return { created }
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async patch(id: string, change: ChangeTexts): Promise<string | undefined> {
    const stored = this.#instances.get(id)
    if (stored === undefined) return undefined
    const fields = new Map(stored)
    for (const [name, text] of change) {
      if (text === undefined) fields.delete(name)
      else fields.set(name, text)
    }
    const document = documentText(id, fields)
    checkSize(document, this.#options.maxBytes)
    this.#instances.set(id, fields)
    return document
  }

  remove(id: string): Promise<boolean> {
    const there = this.#instances.has(id)
    this.#instances.delete(id)
    return Promise.resolve(there)
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async page({ cursor, limit }: PageRequest): Promise<DocumentPage> {
    const afterId = cursor === undefined ? undefined : decodeCursor(cursor, isPosition)[1]
    const ids = [...this.#instances.keys()]
      .filter((id) => this.#instances.has(id) && (afterId === undefined || id > afterId))
      .sort()
    const documents = ids.slice(0, limit).map((id) => documentText(id, this.#instances.peek(id) ?? new Map()))
    const lastId = ids[limit - 1]
    return {
      documents,
      cursor: lastId === undefined || ids.length <= limit ? undefined : encodeCursor('memory', lastId),
    }
  }

  /** The cache would make room by dropping an instance that was acknowledged. */
  #makeRoom(): void {
    const { maxInstances } = this.#options
    if (this.#instances.size < maxInstances) return
    this.#instances.purgeStale()
    if (this.#instances.size >= maxInstances) throw new StoreFullError(maxInstances)
  }
}
