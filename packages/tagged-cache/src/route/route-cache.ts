import { performance } from 'node:perf_hooks'
import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { cacheCall, listedTags, type CallDefaults } from '../cache-call.js'
import type { CacheEngine } from '../cache-engine.js'
import { valueOf, type CacheEntry } from '../cache-entry.js'
import type { Answer, Reads } from '../reads.js'
import { nameOf, rootScope, type Scope } from '../scope.js'
import type { GetOrSetOptions, LoaderContext } from '../tagged-cache.js'
import type { RouteCacheConfig } from './route-config.js'
import { ReplyCapture } from './reply-capture.js'
import { hooksOf } from './hooks-of.js'
import { dress, tellStatus, type StoredHow } from './reply-head.js'
import { routeKey, routeName } from './route-key.js'
import { HandlerGone, type RouteStates } from './route-states.js'
import { isStoredReply, replyCodec, type StoredReply } from './stored-reply.js'

/** How a {@link RouteCache} works. */
export interface RouteCacheOptions extends CallDefaults {
  readonly maxEntryBytes: number
}

type Next = (error?: Error) => void

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
  readonly #states: RouteStates = new WeakMap()
  readonly #replies: ReplyCapture

  constructor(engine: () => CacheEngine, options: RouteCacheOptions) {
    this.#engine = engine
    this.#defaults = options
    this.#replies = new ReplyCapture(this.#states, options.maxEntryBytes)
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
      this.#replies.capture(request, reply, payload, config).then(
        (sent) => {
          next(null, sent)
        },
        (error: unknown) => {
          next(asError(error))
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
    route.preHandler = [...hooksOf(route.preHandler), lookUp]
    // Before compression.
    route.onSend = [capture, ...hooksOf(route.onSend)]
    route.onResponse = [...hooksOf(route.onResponse), released]
    route.onTimeout = [...hooksOf(route.onTimeout), released]
    route.onRequestAbort = [
      ...hooksOf(route.onRequestAbort),
      (request: FastifyRequest, next: Next) => {
        release(request)
        next()
      },
    ]
  }

  /** See {@link ReplyCapture.noteCacheControl}. */
  noteCacheControl(request: FastifyRequest, reply: FastifyReply): void {
    this.#replies.noteCacheControl(request, reply)
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
    const failed = (error: unknown): void => {
      next(asError(error))
    }
    try {
      const varyBy: unknown = config.varyBy?.(request)
      if (!isThenable(varyBy)) {
        this.#find(route, request, reply, config, varyBy, next)
        return
      }
      Promise.resolve(varyBy)
        .then((value: unknown) => {
          this.#find(route, request, reply, config, value, next)
        })
        .catch(failed)
    } catch (error) {
      failed(error)
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
    // A key that is none must not make room for one that says less.
    const key =
      config.key === undefined ? routeKey(route, request, config, varyBy) : nameOf('key', config.key(request))
    const scope = config.tenant === undefined ? rootScope : rootScope.tenant(config.tenant(request))
    const tags = listedTags(typeof config.tags === 'function' ? config.tags(request) : (config.tags ?? []))
    const { reads } = this.#engine()
    const entry = reads.fresh(scope, key, tags, config.consistency, replyCodec)
    if (entry !== undefined) {
      this.#send(request, reply, entry, 'HIT')
      return
    }
    // Its automatic twin of GET: it takes what is there and stores nothing.
    if (request.method === 'HEAD') void this.#peek(reads, scope, key, config, request, reply, next)
    else this.#lead(reads, scope, key, tags, config, request, reply, next)
  }

  async #peek(
    reads: Reads,
    scope: Scope,
    key: string,
    { consistency }: RouteCacheConfig,
    request: FastifyRequest,
    reply: FastifyReply,
    next: Next,
  ): Promise<void> {
    try {
      const entry = (await reads.peek(scope, key, replyCodec, consistency === 'strong'))?.entry
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
    reads: Reads,
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
    reads.resolve(cacheCall(scope, key, load, options, this.#defaults, replyCodec, true)).then(
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

  #alone(request: FastifyRequest, reply: FastifyReply, forward: 'uri-miss' | 'bypass'): void {
    this.#states.set(request, { kind: 'alone' })
    reply.header('x-cache', forward === 'bypass' ? 'BYPASS' : 'MISS')
    tellStatus(reply, `fwd=${forward}`)
  }

  #bypass(request: FastifyRequest, reply: FastifyReply, detail: string): void {
    this.#states.set(request, { kind: 'alone' })
    reply.header('x-cache', 'BYPASS')
    tellStatus(reply, `fwd=bypass; detail=${detail}`)
  }

  #send(request: FastifyRequest, reply: FastifyReply, entry: CacheEntry, how: StoredHow): void {
    const value = valueOf(entry)
    if (!isStoredReply(value)) return
    this.#states.set(request, { kind: 'hit' })
    void reply.send(dress(request, reply, entry, value, how))
  }
}

/** Queries of some libraries are no promises of the language, and are awaited all the same. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
