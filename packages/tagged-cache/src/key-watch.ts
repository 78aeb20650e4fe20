/** Somebody who asked for a key, or loads it, and has to know whether it was overtaken. */
export interface WatchedKey {
  readonly key: string
  /** The key was written or removed meanwhile: what comes of the read or load must not be kept. */
  overtaken: boolean
  /** The next of those who are busy with the same key. */
  next: WatchedKey | undefined
}

/** Who is busy with which key at the moment: a chain for each key, because mostly there is one. */
export class KeyWatch {
  readonly #watched = new Map<string, WatchedKey>()

  begin<Watched extends WatchedKey>(watched: Watched): Watched {
    watched.next = this.#watched.get(watched.key)
    this.#watched.set(watched.key, watched)
    return watched
  }

  end(watched: WatchedKey): void {
    const { key, next } = watched
    const first = this.#watched.get(key)
    if (first !== watched) {
      for (let at = first; at !== undefined; at = at.next) if (at.next === watched) at.next = next
    } else if (next === undefined) this.#watched.delete(key)
    else this.#watched.set(key, next)
    watched.next = undefined
  }

  /** The key was written or removed. */
  overtake(key: string): void {
    for (let at = this.#watched.get(key); at !== undefined; at = at.next) at.overtaken = true
  }
}
