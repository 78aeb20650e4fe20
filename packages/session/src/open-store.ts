import { bootWait, type RedisLink } from '@stayfast/redis-kit'
import type { CheckedStoreOptions } from './options.js'
import { MemorySessionStore } from './stores/memory-session-store.js'
import { OutageSessionStore } from './stores/outage-session-store.js'
import type { SessionStore } from './stores/session-store.js'

/** A connection that is being made is waited for so long, so that the first requests find it. */
const bootWaitMs = 500

/** What of a logger the stores use. */
export interface StoreLogger {
  info(message: string): void
  error(details: object, message: string): void
}

/** A store, and how it is ended. */
export interface OpenStore {
  readonly store: SessionStore
  /** Numbers of now, by the names that metrics have. */
  readonly counts: () => Readonly<Record<string, number>>
  /** Resolves when the store can do all it promises, or when no more time may be spent on that at a start. */
  readonly ready: () => Promise<void>
  /** Tells the log how many accepted writes are lost with this process. */
  readonly close: () => Promise<void>
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
      counts: () => ({}),
      ready: () => Promise.resolve(),
      close: () => Promise.resolve(),
    }
  }
  const store = new OutageSessionStore({
    ...options,
    link,
    logger,
    onCorrupt: (key) => {
      // A digest stands in the key, not the id.
      logger.error({ key }, 'session: the key holds no session, and counts as one that has ended.')
    },
  })
  return {
    store,
    counts: () => ({ pending_writes: store.buffered, local_sessions: store.remembered }),
    ready: async () => {
      await bootWait(link, bootWaitMs, ({ status }) => status !== 'connecting')
      await store.listening(bootWaitMs)
    },
    close: async () => {
      const lost = await store.close(options.flushSeconds * 1000)
      if (lost === 0) return
      logger.error(
        { lost },
        `session: ${lost} accepted writes are lost, because Redis did not return before the app ended.`,
      )
    },
  }
}
