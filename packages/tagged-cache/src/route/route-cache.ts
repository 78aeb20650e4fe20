import { performance } from 'node:perf_hooks'
import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { cacheCall } from '../cache-call.js'
import type { Answer, CacheEngine } from '../cache-engine.js'
import { valueOf, type CacheEntry } from '../cache-entry.js'
import { rootScope, type Scope } from '../scope.js'
import type { GetOrSetOptions, LoaderContext } from '../tagged-cache.js'
import type { CallDefaults } from '../cache-call.js'
import type { RouteCacheConfig } from './route-config.js'
import { routeKey, routeName } from './route-key.js'
import {
  isStoredReply,
  matchesEtag,
  replyCodec,
  storedReply,
  whyNotStored,
  type StoredReply,
} from './stored-reply.js'

/** What the cache does with one request. */
type RouteState =
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

type Next = (error?: Error) => void

const name = 'tagged-cache'

/** What clients are told where nobody says otherwise: ask each time, for they cannot be invalidated. */
const clientCacheControl = 'private, no-cache'

/** Why a load of a route ended without a reply. */
class HandlerGone extends Error {}

/**
 * Caches the replies of GET routes.
 *
 * ```
 *   preHandler, the last ──► hit ──► the stored text
 *        │                └► somebody else runs the handler ──► its reply
 *        ▼
 *     handler ──► onSend, the first: stored before compression, given to those who wait
 *        └── fails, is aborted, times out, answers what must not be shared ──► they run it themselves
 * ```
 */
export class RouteCache {
  readonly #engine: () => CacheEngine
  readonly #defaults: CallDefaults
  readonly #states = new WeakMap<FastifyRequest, RouteState>()
  readonly #ownCacheControl = new WeakMap<FastifyRequest, unknown>()

  constructor(engine: () => CacheEngine, defaults: CallDefaults) {
    this.#engine = engine
    this.#defaults = defaults
  }

  /** Adds the hooks to a route. */
  attach(route: RouteOptions, config: RouteCacheConfig): void {
    const name = routeName(route)
    const lookUp = (request: FastifyRequest, reply: FastifyReply, next: Next): void => {
      this.#lookUp(name, request, reply, config, next)
    }
    const capture = (
      request: FastifyRequest,
      reply: FastifyReply,
      payload: unknown,
      next: (error: Error | null, payload?: unknown) => void,
    ): void => {
      this.#capture(request, reply, payload, config).then(
        (sent) => {
          next(null, sent)
        },
        (error: unknown) => {
          next(error instanceof Error ? error : new Error(String(error)))
        },
      )
    }
    const release = (request: FastifyRequest): void => {
      const state = this.#states.get(request)
      if (state?.kind === 'leading') state.fail(new HandlerGone('The request ended without a reply.'))
    }
    const released = (request: FastifyRequest, _reply: FastifyReply, next: Next): void => {
      release(request)
      next()
    }
    // After authentication: nobody gets a stored reply who would not get the real one.
    route.preHandler = [...listOf(route.preHandler), lookUp]
    // Before compression.
    route.onSend = [capture, ...listOf(route.onSend)]
    route.onResponse = [...listOf(route.onResponse), released]
    route.onTimeout = [...listOf(route.onTimeout), released]
    route.onRequestAbort = [
      ...listOf(route.onRequestAbort),
      (request: FastifyRequest, next: Next) => {
        release(request)
        next()
      },
    ]
  }

  /** What the handler itself says in Cache-Control, before others add their defaults. */
  noteCacheControl(request: FastifyRequest, reply: FastifyReply): void {
    if (this.#states.get(request)?.kind === 'leading') {
      this.#ownCacheControl.set(request, reply.getHeader('cache-control'))
    }
  }

  #lookUp(
    route: string,
    request: FastifyRequest,
    reply: FastifyReply,
    config: RouteCacheConfig,
    next: Next,
  ): void {
    const { authorization, cookie } = request.headers
    const saysWhose = config.varyBy !== undefined || config.key !== undefined
    if (!saysWhose && (authorization !== undefined || cookie !== undefined)) {
      this.#bypass(request, reply, 'credentials')
      next()
      return
    }
    try {
      const varyBy: unknown = config.varyBy?.(request)
      if (!(varyBy instanceof Promise)) {
        this.#find(route, request, reply, config, varyBy, next)
        return
      }
      varyBy.then(
        (value: unknown) => {
          this.#find(route, request, reply, config, value, next)
        },
        (error: unknown) => {
          next(asError(error))
        },
      )
    } catch (error) {
      next(asError(error))
    }
  }

  #find(
    route: string,
    request: FastifyRequest,
    reply: FastifyReply,
    config: RouteCacheConfig,
    varyBy: unknown,
    next: Next,
  ): void {
    const key = config.key?.(request) ?? routeKey(route, request, config, varyBy)
    const scope = config.tenant === undefined ? rootScope : rootScope.tenant(config.tenant(request))
    const tags = typeof config.tags === 'function' ? config.tags(request) : (config.tags ?? [])
    const engine = this.#engine()
    const entry = engine.fresh(scope, key, tags, config.consistency, replyCodec)
    if (entry !== undefined) {
      this.#send(request, reply, entry, 'HIT')
      return
    }
    // Its automatic twin of GET: it takes what is there and stores nothing.
    if (request.method === 'HEAD') void this.#peek(engine, scope, key, request, reply, next)
    else this.#lead(engine, scope, key, tags, config, request, reply, next)
  }

  async #peek(
    engine: CacheEngine,
    scope: Scope,
    key: string,
    request: FastifyRequest,
    reply: FastifyReply,
    next: Next,
  ): Promise<void> {
    try {
      const entry = (await engine.peek(scope, key, replyCodec))?.entry
      if (entry !== undefined) {
        this.#send(request, reply, entry, performance.now() < entry.freshUntilMs ? 'HIT' : 'STALE')
        return
      }
      this.#bypass(request, reply, 'head')
      next()
    } catch (error) {
      next(asError(error))
    }
  }

  #lead(
    engine: CacheEngine,
    scope: Scope,
    key: string,
    tags: readonly string[],
    config: RouteCacheConfig,
    request: FastifyRequest,
    reply: FastifyReply,
    next: Next,
  ): void {
    const progress = { leading: false }
    let tell: (answer: Answer | undefined) => void = () => undefined
    const answered = new Promise<Answer | undefined>((resolve) => {
      tell = resolve
    })
    const load = (context: LoaderContext): Promise<StoredReply | undefined> =>
      new Promise((settle, fail) => {
        progress.leading = true
        this.#states.set(request, { kind: 'leading', context, settle, fail, answer: answered })
        next()
      })
    const { ttlSeconds, staleWhileRevalidateSeconds, staleIfErrorSeconds, consistency } = config
    const options: GetOrSetOptions = {
      tags,
      ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
      ...(staleWhileRevalidateSeconds === undefined ? {} : { staleWhileRevalidateSeconds }),
      ...(staleIfErrorSeconds === undefined ? {} : { staleIfErrorSeconds }),
      ...(consistency === undefined ? {} : { consistency }),
    }
    engine.resolve(cacheCall(scope, key, load, options, this.#defaults, replyCodec, true)).then(
      (answer) => {
        tell(answer)
        if (progress.leading) return
        const { entry, how } = answer
        if (entry === undefined || !isStoredReply(valueOf(entry))) {
          // It must not be shared: this one makes its own.
          this.#alone(request, reply, 'uri-miss')
          next()
        } else this.#send(request, reply, entry, how === 'hit' ? 'HIT' : how === 'stale' ? 'STALE' : 'MISS')
      },
      (error: unknown) => {
        tell(undefined)
        if (progress.leading) return
        // What went wrong for the one who ran the handler may go well for this one.
        this.#alone(request, reply, error instanceof HandlerGone ? 'uri-miss' : 'bypass')
        next()
      },
    )
  }

  #alone(request: FastifyRequest, reply: FastifyReply, forward: string): void {
    this.#states.set(request, { kind: 'alone' })
    reply.header('x-cache', forward === 'bypass' ? 'BYPASS' : 'MISS')
    reply.header('cache-status', `${name}; fwd=${forward}`)
  }

  #bypass(request: FastifyRequest, reply: FastifyReply, detail: string): void {
    this.#states.set(request, { kind: 'alone' })
    reply.header('x-cache', 'BYPASS')
    reply.header('cache-status', `${name}; fwd=bypass; detail=${detail}`)
  }

  #send(
    request: FastifyRequest,
    reply: FastifyReply,
    entry: CacheEntry,
    how: 'HIT' | 'STALE' | 'MISS',
  ): void {
    const value = valueOf(entry)
    if (!isStoredReply(value)) return
    this.#states.set(request, { kind: 'hit' })
    void reply.send(this.#dress(request, reply, entry, value, how))
  }

  /** Puts the head of a stored reply on this one; returns the body. */
  #dress(
    request: FastifyRequest,
    reply: FastifyReply,
    entry: CacheEntry,
    stored: StoredReply,
    how: 'HIT' | 'STALE' | 'MISS',
  ): string {
    const nowMs = performance.now()
    for (const [header, text] of Object.entries(stored.headers)) {
      if (header === 'vary') addVary(reply, text)
      else reply.header(header, text)
    }
    const ttl = Math.floor((entry.freshUntilMs - nowMs) / 1000)
    reply.header('etag', stored.etag)
    reply.header('age', Math.max(0, Math.floor((nowMs - entry.createdMs) / 1000)))
    reply.header('x-cache', how)
    reply.header(
      'cache-status',
      how === 'MISS' ? `${name}; fwd=uri-miss; collapsed` : `${name}; hit; ttl=${ttl}`,
    )
    if (matchesEtag(request.headers['if-none-match'], stored.etag)) {
      reply.code(304)
      return ''
    }
    reply.code(stored.status)
    return stored.body
  }

  async #capture(
    request: FastifyRequest,
    reply: FastifyReply,
    payload: unknown,
    config: RouteCacheConfig,
  ): Promise<unknown> {
    const state = this.#states.get(request)
    if (state?.kind !== 'leading') {
      if (state?.kind === 'hit') {
        defaultCacheControl(reply)
        // Fastify gives every text a type.
        if (reply.statusCode === 304) reply.removeHeader('content-type')
      }
      return payload
    }
    this.#states.set(request, { kind: 'alone' })
    reply.header('x-cache', 'MISS')
    if (reply.statusCode >= 500) {
      state.fail(new HandlerGone(`The handler answered ${reply.statusCode}.`))
      const older = await state.answer
      if (older?.entry !== undefined && isStoredReply(older.value)) {
        const body = this.#dress(request, reply, older.entry, older.value, 'STALE')
        defaultCacheControl(reply)
        return body
      }
      reply.header('cache-status', `${name}; fwd=uri-miss`)
      return payload
    }
    const own = this.#ownCacheControl.get(request)
    const reason = whyNotStored(reply, payload, own, config)
    if (reason !== undefined || typeof payload !== 'string') {
      state.context.skipStore()
      state.settle(undefined)
      reply.header('cache-status', `${name}; fwd=uri-miss; detail=${reason ?? 'no-text'}`)
      return payload
    }
    const stored = storedReply(reply, payload, own, config)
    state.settle(stored)
    reply.header('cache-status', `${name}; fwd=uri-miss; stored`)
    reply.header('etag', stored.etag)
    defaultCacheControl(reply)
    if (!matchesEtag(request.headers['if-none-match'], stored.etag)) return payload
    reply.code(304)
    reply.removeHeader('content-type')
    return ''
  }
}

function defaultCacheControl(reply: FastifyReply): void {
  if (!reply.hasHeader('cache-control')) reply.header('cache-control', clientCacheControl)
}

function addVary(reply: FastifyReply, text: string): void {
  const names = new Map<string, string>()
  for (const list of [reply.getHeader('vary'), text]) {
    for (const item of String(list ?? '').split(',')) {
      const header = item.trim()
      if (header !== '') names.set(header.toLowerCase(), header)
    }
  }
  reply.header('vary', [...names.values()].join(', '))
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

function listOf<Hook>(hooks: Hook | Hook[] | undefined): Hook[] {
  if (hooks === undefined) return []
  return Array.isArray(hooks) ? hooks : [hooks]
}
