/** Somebody who asked for a key, or loads it, and has to know whether it was overtaken. */
export interface WatchedKey {
  readonly key: string
  /** The key was written or removed meanwhile: what comes of the read or load must not be kept. */
  overtaken: boolean
}

/** Who is busy with which key at the moment. */
export class KeyWatch {
  readonly #watched = new Map<string, Set<WatchedKey>>()

  begin(key: string): WatchedKey {
    const watched: WatchedKey = { key, overtaken: false }
    const all = this.#watched.get(key)
    if (all === undefined) this.#watched.set(key, new Set([watched]))
    else all.add(watched)
    return watched
  }

  end(watched: WatchedKey): void {
    const all = this.#watched.get(watched.key)
    all?.delete(watched)
    if (all?.size === 0) this.#watched.delete(watched.key)
  }

  /** The key was written or removed. */
  overtake(key: string): void {
    for (const watched of this.#watched.get(key) ?? []) watched.overtaken = true
  }
}
