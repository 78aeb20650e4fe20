import type { FastifyReply, FastifyRequest } from 'fastify'
import { answerNotModified, defaultCacheControl, dress, tellStatus } from './reply-head.js'
import type { RouteCacheConfig } from './route-config.js'
import { HandlerGone, type RouteState, type RouteStates } from './route-states.js'
import { isStoredReply, storedReply, whyNotStored, type HeaderValue } from './stored-reply.js'

type Leading = Extract<RouteState, { readonly kind: 'leading' }>

/** Takes replies on their way out, before compression, and gives them to those who wait. */
export class ReplyCapture {
  readonly #states: RouteStates
  readonly #maxEntryBytes: number
  readonly #ownCacheControl = new WeakMap<FastifyRequest, HeaderValue>()

  constructor(states: RouteStates, maxEntryBytes: number) {
    this.#states = states
    this.#maxEntryBytes = maxEntryBytes
  }

  /** What the handler itself says in Cache-Control, before others add their defaults. */
  noteCacheControl(request: FastifyRequest, reply: FastifyReply): void {
    if (this.#states.get(request)?.kind === 'leading') {
      this.#ownCacheControl.set(request, reply.getHeader('cache-control'))
    }
  }

  /** @returns What goes out. */
  async capture(
    request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
    config: RouteCacheConfig,
  ): Promise<unknown> {
    const state = this.#states.get(request)
    if (state?.kind === 'hit') {
      defaultCacheControl(reply)
      // Fastify gives every text a type.
      if (reply.statusCode === 304) reply.removeHeader('content-type')
    }
    if (state?.kind !== 'leading') return payload
    this.#states.set(request, { kind: 'alone' })
    reply.header('x-cache', 'MISS')
    return reply.statusCode >= 500
      ? await this.#cover(state, request, reply, payload)
      : this.#give(state, request, reply, payload, config)
  }

  /** An older reply stands in for one that failed, where there is one. */
  async #cover(
    state: Leading,
    request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
  ): Promise<unknown> {
    state.fail(new HandlerGone(`The handler answered ${reply.statusCode}.`))
    const older = await state.answer
    if (older?.entry === undefined || !isStoredReply(older.value)) {
      tellStatus(reply, 'fwd=uri-miss')
      return payload
    }
    const body = dress(request, reply, older.entry, older.value, 'STALE')
    defaultCacheControl(reply)
    return body
  }

  #give(
    state: Leading,
    request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
    config: RouteCacheConfig,
  ): unknown {
    const own = this.#ownCacheControl.get(request)
    const reason = whyNotStored(reply, payload, own, config, this.#maxEntryBytes)
    if (reason !== undefined || typeof payload !== 'string') {
      state.context.skipStore()
      state.settle(undefined)
      tellStatus(reply, `fwd=uri-miss; detail=${reason ?? 'no-text'}`)
      return payload
    }
    const stored = storedReply(reply, payload, own, config)
    state.settle(stored)
    tellStatus(reply, 'fwd=uri-miss; stored')
    reply.header('etag', stored.etag)
    defaultCacheControl(reply)
    if (!answerNotModified(request, reply, stored)) return payload
    reply.removeHeader('content-type')
    return ''
  }
}
