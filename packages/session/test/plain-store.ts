import type { SessionStore } from '@fastify/session'
import type { Redis } from 'ioredis'

type Reply = (error?: unknown) => void

/** What one writes at first, and connect-redis in its essence: the whole session as JSON, under its id. */
export class PlainStore implements SessionStore {
  readonly #redis: Redis
  readonly #ttlSeconds: number

  constructor(redis: Redis, ttlSeconds = 86_400) {
    this.#redis = redis
    this.#ttlSeconds = ttlSeconds
  }

  get(id: string, callback: Parameters<SessionStore['get']>[1]): void {
    this.#redis.get(`sess:${id}`).then(
      (text) => {
        callback(null, text === null ? null : (JSON.parse(text) as Parameters<SessionStore['set']>[1]))
      },
      (error: unknown) => {
        callback(error)
      },
    )
  }

  set(id: string, session: object, callback: Reply): void {
    this.#redis.set(`sess:${id}`, JSON.stringify(session), 'EX', this.#ttlSeconds).then(() => {
      callback()
    }, callback)
  }

  destroy(id: string, callback: Reply): void {
    this.#redis.del(`sess:${id}`).then(() => {
      callback()
    }, callback)
  }
}
