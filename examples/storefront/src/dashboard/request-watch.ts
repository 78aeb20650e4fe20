import type { FastifyInstance, FastifyPluginCallback, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { CommandCount } from './command-count.js'

declare module 'fastify' {
  interface FastifyInstance {
    requestWatch: RequestWatch
  }
}

/** A request that was answered. */
export interface SeenRequest {
  /** ISO 8601. */
  at: string
  method: string
  /** The route's pattern, so that no id and no query stands in it. */
  route: string
  statusCode: number
  milliseconds: number
  /** X-Cache: HIT, MISS, STALE or BYPASS; null where nothing is cached. */
  cache: string | null
  /** Sent to Redis on its behalf; null where nobody was looking, because counting has its price. */
  commands: number | null
}

/** What the limiter said to a user last. */
export interface SeenLimit {
  max: number
  remaining: number
  resetSeconds: number
  /** Whether Redis counts, or the process by itself. */
  by: string
}

interface Note extends Omit<SeenRequest, 'at'> {
  userId: string | undefined
  atMs: number
}

const KEPT_REQUESTS = 200
const KEPT_LIMITS = 1_000
const SHOWN_REQUESTS = 10
/** The page watches; what it asks for only to watch would push out what it is there to show. */
const NOT_NOTED = /^\/(?:$|dashboard|docs|openapi|livez|readyz|metrics|api\/v1\/health)/

/** Remembers the last requests of this process, and while somebody looks how many commands each cost. */
export class RequestWatch {
  readonly commands: CommandCount = new CommandCount()
  readonly #notes: Note[] = []
  readonly #limits = new Map<string, SeenLimit>()

  /** Notes a request that was answered. */
  note(request: FastifyRequest, reply: FastifyReply): void {
    const commands = this.commands.end(request)
    const route = request.routeOptions.url
    if (route !== undefined && NOT_NOTED.test(route)) return
    const userId = request.principal?.userId
    const cache = reply.getHeader('x-cache')
    this.#notes.push({
      userId,
      atMs: Date.now(),
      method: request.method,
      route: route ?? 'no such route',
      statusCode: reply.statusCode,
      milliseconds: reply.elapsedTime,
      cache: typeof cache === 'string' ? cache : null,
      commands: commands ?? null,
    })
    if (this.#notes.length > KEPT_REQUESTS) this.#notes.shift()
    if (userId !== undefined) this.#noteLimit(userId, request)
  }

  /** The newest first; those of one user, or of all. */
  last(userId: string | undefined): SeenRequest[] {
    const own = userId === undefined ? this.#notes : this.#notes.filter((note) => note.userId === userId)
    return own.slice(-SHOWN_REQUESTS).reverse().map(seenOf)
  }

  limitOf(userId: string): SeenLimit | null {
    return this.#limits.get(userId) ?? null
  }

  /** Of the requests that were counted; null before the first. */
  get commandsPerRequest(): number | null {
    const counted = this.#notes.flatMap(({ commands }) => commands ?? [])
    if (counted.length === 0) return null
    const sum = counted.reduce((total, commands) => total + commands, 0)
    return Math.round((sum / counted.length) * 100) / 100
  }

  #noteLimit(userId: string, { rateLimit }: FastifyRequest): void {
    const [tightest] = [...(rateLimit ?? [])].sort((one, other) => one.remaining - other.remaining)
    if (tightest === undefined || tightest.by === 'nobody') return
    const { max, remaining, resetMs, by } = tightest
    this.#limits.delete(userId)
    this.#limits.set(userId, { max, remaining, resetSeconds: Math.ceil(resetMs / 1000), by })
    const [oldest] = this.#limits.keys()
    if (this.#limits.size > KEPT_LIMITS && oldest !== undefined) this.#limits.delete(oldest)
  }
}

function seenOf({ atMs, method, route, statusCode, milliseconds, cache, commands }: Note): SeenRequest {
  return {
    at: new Date(atMs).toISOString(),
    method,
    route,
    statusCode,
    milliseconds: Math.round(milliseconds * 10) / 10,
    cache,
    commands,
  }
}

/** Decorates `app.requestWatch`. Register it before what sends commands, or those are not counted. */
export const requestWatch: FastifyPluginCallback = fp(
  (app: FastifyInstance, _options: object, done: () => void) => {
    const watch = new RequestWatch()
    app.decorate('requestWatch', watch)
    app.addHook('onRequest', (request, _reply, next) => {
      watch.commands.begin(request, next)
    })
    // What reads a body goes on in the context of the socket, which belongs to no request.
    app.addHook('preValidation', (request, _reply, next) => {
      watch.commands.goOn(request, next)
    })
    app.addHook('onResponse', (request, reply, next) => {
      watch.note(request, reply)
      next()
    })
    app.addHook('onClose', (_app, next) => {
      watch.commands.close()
      next()
    })
    done()
  },
  { name: 'storefront-request-watch', fastify: '5.x' },
)
