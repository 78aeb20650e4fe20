import type { Intent, RedisClient } from '@stayfast/redis-kit'
import type { RedisSessionStore } from './redis-session-store.js'
import type { SessionOperation } from './session-operation.js'

/** Does what waited for Redis, in order; again does no harm. Throws what the client throws. */
export async function replaySessions(
  store: RedisSessionStore,
  client: RedisClient,
  intents: readonly Intent<SessionOperation>[],
): Promise<void> {
  const { commands } = store
  for (const { operation, stamp } of intents) {
    switch (operation.kind) {
      case 'create':
        await commands.create(client, operation.address, operation.session, stamp)
        break
      case 'save':
        await commands.save(client, operation.address, operation.change, stamp)
        break
      case 'destroy':
        await store.destroyWith(client, operation.address)
        break
      case 'revokeAll':
        await commands.revokeAll(client, operation.tag, operation.except, stamp)
        break
    }
  }
}
