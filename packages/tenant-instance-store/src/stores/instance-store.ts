import type { ChangeTexts, FieldTexts } from '../tenant-instance.js'

/** How safe an acknowledged write is; see {@link InstanceStore.durability}. */
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

/**
 * Where instances live. A store deals in JSON texts and never looks into a value, so that values can
 * be anything, encrypted ones too. Ids and values were checked before they come here.
 */
export interface InstanceStore {
  /**
   * `'redis'`: as durable as that Redis is configured. `'buffered'`: in this process, and lost when it
   * dies; memory answers this always.
   */
  readonly durability: Durability
  /** The whole document, or undefined when there is none. Counts as use. */
  read(id: string): Promise<string | undefined>
  /** Makes the document hold these fields and no others. */
  replace(id: string, fields: FieldTexts): Promise<{ readonly created: boolean }>
  /**
   * Changes these fields and leaves the others as they are, at once: of two writers of different
   * fields both are heard. Returns the whole document; undefined when there is none, and none is made.
   */
  patch(id: string, change: ChangeTexts): Promise<string | undefined>
  /** Whether there was one. */
  remove(id: string): Promise<boolean>
  /**
   * About `limit` documents in no particular order. What is there during the whole listing is
   * returned; what comes or goes meanwhile may be. Does not count as use.
   */
  page(request: PageRequest): Promise<DocumentPage>
}
