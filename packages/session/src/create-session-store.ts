import { resolveLink, type RedisOption } from '@stayfast/redis-kit'
import { SessionOptionError } from './errors.js'
import { FastifySessionStore } from './fastify-session-store.js'
import { openStore, type StoreLogger } from './open-store.js'
import { checkStoreOptions, type SessionStoreOptions } from './options.js'
import { sessionCipher } from './session-cipher.js'

/** Options of {@link createSessionStore}. */
export interface CreateSessionStoreOptions extends SessionStoreOptions {
  /** A link, an ioredis or iovalkey client or Cluster, or `false` for memory. */
  readonly redis: RedisOption
  /** Where to say what cannot be said in a reply, such as `app.log`. */
  readonly logger?: StoreLogger
}

const silent: StoreLogger = { info: () => undefined, error: () => undefined }

/**
 * A store for apps that register \@fastify/session themselves:
 *
 * ```ts
 * const store = createSessionStore({ redis })
 * await app.register(fastifySession, { secret, store, idGenerator: store.idGenerator })
 * app.addHook('onReady', () => store.ready())
 * app.addHook('onClose', () => store.close())
 * ```
 *
 * @throws STAY_SESSION_OPTION_INVALID
 */
export function createSessionStore({
  logger = silent,
  ...given
}: CreateSessionStoreOptions): FastifySessionStore {
  const options = checkStoreOptions(given)
  if (typeof given.redis === 'string' || (given.redis as unknown) === undefined) {
    throw new SessionOptionError(
      'createSessionStore takes redis: a link, an ioredis or iovalkey client, or false for memory.',
    )
  }
  const resolved = resolveLink({}, given.redis, { role: 'default', share: options.share })
  const { store, ready, close } = openStore(resolved?.link, options, logger)
  return new FastifySessionStore({
    store: () => store,
    maxBytes: options.maxBytes,
    cipher: sessionCipher(options.encryptionKeys),
    logger: () => logger,
    ready,
    close: async () => {
      await close()
      if (resolved?.owned === true) await resolved.link.close()
    },
  })
}
