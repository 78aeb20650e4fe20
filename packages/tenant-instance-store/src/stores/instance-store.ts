import type { InstanceOperation } from './instance-operation.js'

/** How safe an acknowledged write is: `durability` of what a write resolves with. */
export type Durability = 'redis' | 'buffered'

/** Where a listing goes on. */
export interface PageRequest {
  /** What the page before returned; undefined for the first page. */
  readonly cursor: string | undefined
  readonly limit: number
}

/** Some documents as JSON texts, and where the listing goes on; undefined at its end. */
export interface DocumentPage {
  readonly documents: readonly string[]
  readonly cursor: string | undefined
}

/** What a write did. */
export interface WriteResult {
  /**
   * `'redis'`: as durable as that Redis is configured. `'buffered'`: in this process, and lost when it
   * dies before Redis returns; memory answers this always.
   */
  readonly durability: Durability
  /** There was such an instance before, as far as is known here. */
  readonly existed: boolean
  /** The whole document afterwards; undefined when there is none. */
  readonly document: string | undefined
}

/**
 * Where instances live. A store deals in JSON texts and never looks into a value, so that values can
 * be anything, encrypted ones too. Ids and values were checked before they come here.
 */
export interface InstanceStore {
  /** The whole document, or undefined when there is none. Counts as use. */
  read(id: string): Promise<string | undefined>
  /** Does an operation at once: of two writers of different fields both are heard. */
  write(id: string, operation: InstanceOperation): Promise<WriteResult>
  /**
   * About `limit` documents in no particular order. What is there during the whole listing is
   * returned; what comes or goes meanwhile may be. Does not count as use.
   */
  page(request: PageRequest): Promise<DocumentPage>
}
