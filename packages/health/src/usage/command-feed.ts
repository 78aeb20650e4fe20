import { subscribe, unsubscribe } from 'node:diagnostics_channel'

/** ioredis 6 publishes each command that it writes to a socket, once, for all clients of the process. */
const channel = 'tracing:ioredis:command:start'

/**
 * Calls back for each command that a client of this process sends to Redis, whoever made the client:
 * links, `app.redis`, queue workers, subscribers. Nothing in a client is changed. Names and arguments are
 * not looked at.
 *
 * @returns A function that ends it.
 */
export function onCommandSent(listener: () => void): () => void {
  const heard = (): void => {
    listener()
  }
  subscribe(channel, heard)
  return () => {
    unsubscribe(channel, heard)
  }
}
