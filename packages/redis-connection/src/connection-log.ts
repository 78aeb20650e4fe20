import { isRedisUnavailable, OutageReporter, type RedisLink } from '@stayfast/redis-kit'
import type { FastifyBaseLogger } from 'fastify'
import { evictionAdvice } from './eviction-advice.js'
import type { Role } from './options.js'
import type { OpenedLink, RoleLinksEvents } from './role-links.js'
import type { ServerFacts } from './server-facts.js'

/** Everything a connection tells its operator: few lines, none of them with a URL, user or password. */
export class ConnectionLog implements RoleLinksEvents {
  readonly #log: FastifyBaseLogger
  readonly #rolesOf: (opened: OpenedLink) => readonly Role[]
  readonly #reporter: OutageReporter
  readonly #opened: OpenedLink[] = []

  /** @param rolesOf - The roles that live on the server of a connection. */
  constructor(log: FastifyBaseLogger, rolesOf: (opened: OpenedLink) => readonly Role[]) {
    this.#log = log
    this.#rolesOf = rolesOf
    this.#reporter = new OutageReporter({
      logger: {
        info: (message) => {
          log.info(message)
        },
        warn: (message) => {
          log.warn(message)
        },
      },
      describe: (cause) => this.describe(cause),
    })
  }

  opened(opened: OpenedLink): void {
    this.#opened.push(opened)
    this.#reporter.watch(opened.link)
  }

  factsKnown(opened: OpenedLink, facts: ServerFacts): void {
    const advice = evictionAdvice(this.#rolesOf(opened), facts)
    if (advice !== undefined) this.#log.warn(advice)
    if (facts.mode === 'cluster' && !opened.link.traits.cluster) {
      this.#log.warn(
        'This server is a node of a Redis Cluster and was configured as a single server: keys of other nodes are refused with MOVED. Set REDIS_CLUSTER_NODES.',
      )
    }
  }

  prefixChosen(role: Role, keyPrefix: string): void {
    this.#log.info(
      `This server has one database: the ${role} role lives in it behind the prefix "${keyPrefix}".`,
    )
  }

  /** What happened and what to do, in sentences. */
  describe(cause: unknown): string {
    if (isRedisUnavailable(cause) && cause.cause === undefined) {
      return 'it did not answer in time: frozen, overloaded, or cut off by the network.'
    }
    const opened = this.#opened.find(({ link: { state } }) => 'cause' in state && state.cause === cause)
    const { diagnose } = opened ?? this.#opened[0] ?? {}
    if (diagnose === undefined) return 'it cannot be reached.'
    const { summary, hint } = diagnose(cause)
    return `${summary} ${hint}`
  }

  /** The line at start. */
  started(link: RedisLink, provider: string): void {
    const { state } = link
    if (state.status === 'up') {
      this.#log.info(`redis-connection: redis (${provider})`)
      return
    }
    const why = 'cause' in state ? this.describe(state.cause) : 'no answer yet.'
    this.#log.warn(`redis-connection: redis (${provider}), not reached: ${why} The app starts without it.`)
  }

  stop(): void {
    this.#reporter.stop()
  }
}
