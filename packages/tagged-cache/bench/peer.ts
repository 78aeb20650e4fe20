/** A cache as the benchmark uses it: of one process, with memory in front of Redis. */
export interface PeerCache {
  getOrSet(key: string, loader: () => Promise<unknown>): Promise<unknown>
  /** Resolves when what was loaded has been stored, where that is not waited for. */
  settled?(): Promise<void>
  close(): Promise<void>
}

/** One of those that are compared. */
export interface Peer {
  readonly name: string
  /** The package whose version is told. */
  readonly package: string | undefined
  readonly hasMemory: boolean
  readonly hasRedis: boolean
  open(url: string): Promise<PeerCache>
}

/** What every value is stored with, where a peer has tags. */
export const tags: readonly string[] = ['vendor:1', 'products']
export const ttlSeconds = 600
