import type { FastifySessionObject } from '@fastify/session'
import type { FastifyInstance } from 'fastify'
import { ForeignStoreError } from './errors.js'
import { storeThatAnswers, type FastifySessionStore } from './fastify-session-store.js'
import { addressOf } from './session-id.js'

/** Nobody's request: what \@fastify/session needs of one to make a new session. */
// A type, because an interface has no index signature, which decryptSession asks for.
type Visitor = { session?: FastifySessionObject; readonly protocol: string }

/**
 * The store of an \@fastify/session that the app has registered itself.
 *
 * @throws STAY_SESSION_STORE_FOREIGN when it is not ours, or makes ids of another kind.
 */
export function adoptedStore(app: FastifyInstance): FastifySessionStore {
  const visitor: Visitor = { protocol: 'https' }
  app.decryptSession('', visitor, () => undefined)
  const id = visitor.session?.sessionId ?? ''
  const store = storeThatAnswers(id, () => {
    visitor.session?.reload(() => undefined)
  })
  if (store === undefined) throw new ForeignStoreError('with a store of another kind')
  if (addressOf(id).foreign) throw new ForeignStoreError('with our store, but without its idGenerator')
  return store
}
