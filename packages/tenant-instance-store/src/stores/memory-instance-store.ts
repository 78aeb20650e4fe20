import { LRUCache } from 'lru-cache'
import { StoreFullError } from '../errors.js'
import { checkSize, documentText, type FieldTexts } from '../tenant-instance.js'
import { applyOperation, type InstanceOperation } from './instance-operation.js'
import type { DocumentPage, InstanceStore, PageRequest, WriteResult } from './instance-store.js'
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
  async write(id: string, operation: InstanceOperation): Promise<WriteResult> {
    const before = this.#instances.get(id)
    const after = applyOperation(before, operation)
    const document = after === undefined ? undefined : documentText(id, after)
    if (document !== undefined) checkSize(document, this.#options.maxBytes)
    if (before === undefined && after !== undefined) this.#makeRoom()
    if (after === undefined) this.#instances.delete(id)
    else this.#instances.set(id, after)
    return { durability: 'buffered', existed: before !== undefined, document }
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
