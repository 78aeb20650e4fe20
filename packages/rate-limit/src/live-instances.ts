import { randomBytes } from 'node:crypto'
import { defineScript, Keyspace, type RedisLink, type Script } from '@stayfast/redis-kit'

/** A process that died is counted for so many beats more. */
const beatsUntilGone = 3
/** After the start beats come closer, so that processes that start together soon know of each other. */
const firstBeatMs = 1000

/**
 * KEYS   the processes, a sorted set by when each is taken for gone (ms of Redis time)
 * ARGV   process · ms until it is taken for gone
 * reply  how many live
 */
const beatScript: Script<number> = defineScript(
  `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now + ARGV[2]), ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('(%.0f', now))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
`,
  Number,
)

/** How many processes share the limits: by a beat of each in Redis, the last number known while it is away. */
export class LiveInstances {
  readonly #link: RedisLink
  readonly #key: () => string
  readonly #everyMs: number
  readonly #process = randomBytes(6).toString('base64url')
  #count: number
  #nextMs = firstBeatMs
  #timer: NodeJS.Timeout | undefined
  #closed = false

  /** @param assumed - Holds until Redis has told. */
  constructor(link: RedisLink, options: { keyPrefix: string; everyMs: number; assumed: number }) {
    this.#link = link
    const keys = new Keyspace(() => `${link.keyPrefix}${options.keyPrefix}`)
    this.#key = () => keys.key('rate', 'instances')
    this.#everyMs = options.everyMs
    this.#count = options.assumed
  }

  get count(): number {
    return this.#count
  }

  /** Beats now, and from then on. */
  start(): void {
    void this.beat().catch(() => undefined)
    this.#schedule()
  }

  /**
   * Tells Redis that this process lives.
   *
   * @throws What {@link RedisLink.run} throws.
   */
  async beat(): Promise<void> {
    const goneMs = beatsUntilGone * this.#everyMs
    const count = await this.#link.run((redis) =>
      beatScript.run(redis, [this.#key()], [this.#process, goneMs]),
    )
    this.#count = Math.max(1, count)
  }

  /** Takes this process out, if Redis can be asked. */
  async close(): Promise<void> {
    this.#closed = true
    clearTimeout(this.#timer)
    if (this.#link.status !== 'up') return
    await this.#link.run((redis) => redis.call('ZREM', this.#key(), this.#process)).catch(() => undefined)
  }

  #schedule(): void {
    this.#timer = setTimeout(() => {
      const beat = this.#link.status === 'up' ? this.beat() : Promise.resolve()
      void beat
        .catch(() => undefined)
        .then(() => {
          if (!this.#closed) this.#schedule()
        })
    }, this.#nextMs)
    this.#nextMs = Math.min(this.#everyMs, this.#nextMs * 2)
  }
}
