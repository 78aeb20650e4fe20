import type { RedisLink } from '@stayfast/redis-kit'
import type { CheckedStoreOptions } from './options.js'
import { MemorySessionStore } from './stores/memory-session-store.js'
import { RedisSessionStore } from './stores/redis-session-store.js'
import type { SessionStore } from './stores/session-store.js'

/** What of a logger the stores use. */
export interface StoreLogger {
  info(message: string): void
  error(details: object, message: string): void
}

/** A store, and how it is ended. */
export interface OpenStore {
  readonly store: SessionStore
  /** Resolves with how many accepted writes are lost with this process. */
  readonly close: (flushWithinMs: number) => Promise<number>
}

/** The sessions of one process: in Redis where there is a link, else in memory. */
export function openStore(
  link: RedisLink | undefined,
  options: CheckedStoreOptions,
  logger: StoreLogger,
): OpenStore {
  if (link === undefined) {
    return {
      store: new MemorySessionStore({ ...options, maxSessions: options.maxSessionsInMemory }),
      close: () => Promise.resolve(0),
    }
  }
  const store = new RedisSessionStore({
    ...options,
    link,
    onCorrupt: (key) => {
      // A digest stands in the key, not the id.
      logger.error({ key }, 'session: the key holds no session, and counts as one that has ended.')
    },
  })
  return { store, close: () => Promise.resolve(0) }
}
