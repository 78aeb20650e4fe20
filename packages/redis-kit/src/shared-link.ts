import type { RedisClient } from './client.js'
import type {
  LinkCounters,
  LinkTraits,
  RedisLink,
  RunOptions,
  Subscription,
  SubscriptionHandler,
} from './link.js'
import type { RedisClock } from './redis-clock.js'
import type { LinkState, LinkStatus, StateListener } from './link-state.js'

/**
 * A link under another name and key prefix over the connection of an existing one, for roles that
 * share a database. Closing it leaves the connection to its owner.
 */
export class SharedLink implements RedisLink {
  readonly name: string
  readonly #link: RedisLink
  readonly #keyPrefix: () => string
  readonly channelPrefix: string

  /**
   * @param prefixes - The same in every process, whichever role happened to open the connection there:
   *   a channel that is called otherwise elsewhere hears nothing.
   */
  constructor(
    name: string,
    link: RedisLink,
    prefixes: { readonly keyPrefix: () => string; readonly channelPrefix: string },
  ) {
    this.name = name
    this.#link = link
    this.#keyPrefix = prefixes.keyPrefix
    this.channelPrefix = prefixes.channelPrefix
  }

  get state(): LinkState {
    return this.#link.state
  }

  get status(): LinkStatus {
    return this.#link.status
  }

  get traits(): LinkTraits {
    return this.#link.traits
  }

  get counters(): LinkCounters {
    return this.#link.counters
  }

  get clock(): RedisClock {
    return this.#link.clock
  }

  get keyPrefix(): string {
    return this.#keyPrefix()
  }

  run<T>(work: (client: RedisClient) => Promise<T>, options?: RunOptions): Promise<T> {
    return this.#link.run(work, options)
  }

  subscribe(channel: string, handler: SubscriptionHandler): Subscription {
    return this.#link.subscribe(channel, handler)
  }

  onChange(listener: StateListener): () => void {
    return this.#link.onChange(listener)
  }

  onRenewed(listener: () => void): () => void {
    return this.#link.onRenewed(listener)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
