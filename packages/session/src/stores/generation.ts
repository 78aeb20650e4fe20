import { defineScript, Keyspace, type RedisLink, type Script } from '@stayfast/redis-kit'
import { randomBytes } from 'node:crypto'

/** Options of {@link Generation}. */
export interface GenerationOptions {
  readonly link: RedisLink
  readonly keyPrefix: string
  /** The sessions that Redis held before are not there any more. */
  readonly onLost: () => void
}

/** Longer than any session can live by default; each look renews it. */
const ttlSeconds = 30 * 86_400
/** Between two looks while nothing gives cause for one. */
const everyMs = 10_000
const everyMsWhereBilled = 300_000

/**
 * KEYS   generation
 * ARGV   a name for it, where there is none · its TTL in seconds
 * reply  its name
 */
const generationScript: Script<string> = defineScript(
  `
redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[2])
return redis.call('GET', KEYS[1])
`,
  String,
)

/**
 * Notices that Redis was emptied, or is another one: a key with a random name is gone then. What is
 * remembered of sessions must not outlive that, or those who were signed out by it would come back in the
 * next outage.
 */
export class Generation {
  readonly #options: GenerationOptions
  readonly #keyspace: Keyspace
  readonly #stopListening: readonly (() => void)[]
  readonly #timer: NodeJS.Timeout
  #known: string | undefined
  #looking = false

  constructor(options: GenerationOptions) {
    const { link, keyPrefix } = options
    this.#options = options
    this.#keyspace = new Keyspace(() => link.keyPrefix + keyPrefix)
    this.#stopListening = [
      link.onChange(({ status }) => {
        if (status === 'up') this.check()
      }),
      link.onRenewed(() => {
        this.check()
      }),
    ]
    this.#timer = setInterval(
      () => {
        this.check()
      },
      link.traits.billedByCommand ? everyMsWhereBilled : everyMs,
    )
    if (link.status === 'up') this.check()
  }

  /** Looks, unless a look is under way. */
  check(): void {
    if (this.#looking || this.#options.link.status !== 'up') return
    this.#looking = true
    this.#options.link
      .run((client) =>
        generationScript.run(
          client,
          [this.#keyspace.key('sess', 'generation')],
          [randomBytes(12).toString('base64url'), ttlSeconds],
        ),
      )
      .then(
        (name) => {
          if (this.#known !== undefined && this.#known !== name) this.#options.onLost()
          this.#known = name
        },
        // The next look tells.
        () => undefined,
      )
      .finally(() => {
        this.#looking = false
      })
      .catch(() => undefined)
  }

  close(): void {
    clearInterval(this.#timer)
    for (const stop of this.#stopListening) stop()
  }
}
