import { Keyspace, type RedisLink } from '@stayfast/redis-kit'

/** Where things lie in Redis. */
export class CacheKeys {
  readonly #keyspace: Keyspace

  /** @param keyPrefix - Stands behind the link's own prefix. */
  constructor(link: RedisLink, keyPrefix: string) {
    this.#keyspace = new Keyspace(() => link.keyPrefix + keyPrefix)
  }

  entry(name: string): string {
    return this.#keyspace.path('cache', name)
  }

  /** In the cluster slot of the entry. */
  lock(entryKey: string): string {
    return this.#keyspace.beside('lock', entryKey)
  }

  tag(name: string): string {
    return this.#keyspace.path('tag', name)
  }

  /** Matches every entry. */
  entryPattern(): string {
    return this.#keyspace.pattern('cache')
  }
}
