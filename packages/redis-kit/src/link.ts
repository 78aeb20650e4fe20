import type { RedisClient } from './client.js'
import type { RedisClock } from './redis-clock.js'
import type { LinkState, LinkStatus, StateListener } from './link-state.js'

/** What is known of the server behind a link. */
export interface LinkTraits {
  /** Keys of one command must share a hash slot. */
  readonly cluster: boolean
  /** The provider bills by the command: idle traffic is kept to a minimum. */
  readonly billedByCommand: boolean
  /** Shown in start lines, such as `'upstash'`. */
  readonly provider: string
}

/** What a link has done since it was made; numbers only grow. */
export interface LinkCounters {
  /** Work that Redis answered, refusals of the server included. */
  readonly answered: number
  /** Work that was refused at once because the link was not `up`. */
  readonly refused: number
  /** Work that had no answer by its deadline. */
  readonly missed: number
  /** Times the link came up. */
  readonly connected: number
}

/** Options of {@link RedisLink.run}. */
export interface RunOptions {
  /** Milliseconds until the work is given up; the link's own deadline by default. */
  readonly deadlineMs?: number
}

/** A running subscription; `close()` ends it. */
export interface Subscription {
  close(): void
}

/** What a subscriber is told. */
export interface SubscriptionHandler {
  onMessage(message: string): void
  /** The channel is subscribed, now or again: whatever was published before may have been missed. */
  onSubscribed?(): void
  /** Messages no longer arrive; `onSubscribed` follows when they do. */
  onLost?(): void
}

/**
 * The one way to Redis. A link never makes its caller wait for a dead server: `run` refuses at once
 * unless the link is `up`, and always settles within its deadline.
 */
export interface RedisLink {
  /** What the link is for, such as `'default'` or `'cache'`. */
  readonly name: string
  readonly state: LinkState
  readonly status: LinkStatus
  readonly traits: LinkTraits
  readonly counters: LinkCounters
  /** The time of this Redis. */
  readonly clock: RedisClock
  /**
   * What every key of this link begins with. Read it when a key is built, not before: on a server
   * that turns out to have one database, roles are told apart by prefix from then on.
   */
  readonly keyPrefix: string
  /**
   * What every channel of this link begins with. Channels are common to all databases of a server;
   * this tells them apart, and never changes.
   */
  readonly channelPrefix: string

  /**
   * Runs commands against Redis.
   *
   * @param work - Sends commands with the client it is given and resolves with their result. It must
   *   not keep the client.
   * @returns What `work` resolved with.
   * @throws {@link RedisUnavailableError} when Redis cannot be asked or did not answer in time.
   * @throws {@link RedisRefusedError} when Redis refused (out of memory, read-only, loading…).
   * @throws {@link RedisMisuseError} when the command is wrong. What `work` itself throws passes unchanged.
   */
  run<T>(work: (client: RedisClient) => Promise<T>, options?: RunOptions): Promise<T>

  /** Listens to a channel over a connection of its own, resubscribing whenever it was lost. */
  subscribe(channel: string, handler: SubscriptionHandler): Subscription

  /** Calls the listener after each change of state, until the returned function is called. */
  onChange(listener: StateListener): () => void

  /**
   * Calls the listener, until the returned function is called, whenever the server behind the link may
   * be another one or may have lost data: the link is up again after it was `down` (not merely
   * `suspect`), or a shard of a Cluster has a new primary or a new connection to its primary. At that
   * moment the link is `up` and every primary that it knows has answered.
   */
  onRenewed(listener: () => void): () => void

  /** Ends the link. What is still running is settled; later calls are refused. Resolves quickly in every state. */
  close(): Promise<void>
}
