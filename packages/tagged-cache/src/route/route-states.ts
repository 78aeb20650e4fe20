import type { FastifyRequest } from 'fastify'
import type { Answer } from '../reads.js'
import type { LoaderContext } from '../tagged-cache.js'
import type { StoredReply } from './stored-reply.js'

/** What the cache does with one request. */
export type RouteState =
  | { readonly kind: 'hit' }
  /** This request runs the handler for all who wait for its reply. */
  | {
      readonly kind: 'leading'
      readonly context: LoaderContext
      readonly settle: (reply: StoredReply | undefined) => void
      readonly fail: (error: Error) => void
      /** What the others get; for this request it tells whether an older reply stands in. */
      readonly answer: Promise<Answer | undefined>
    }
  | { readonly kind: 'alone' }

/** What is being done with the requests that are under way. */
export type RouteStates = WeakMap<FastifyRequest, RouteState>

/** Why a load of a route ended without a reply. */
export class HandlerGone extends Error {}
