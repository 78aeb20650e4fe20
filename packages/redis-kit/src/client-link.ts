import { performance } from 'node:perf_hooks'
import { isClusterClient, type RedisClient } from './client.js'
import { startDeadline } from './deadline.js'
import { isRedisUnavailable, RedisUnavailableError } from './errors.js'
import { Heartbeat } from './heartbeat.js'
import type { LinkState, LinkStatus, StateListener } from './link-state.js'
import type {
  LinkCounters,
  LinkTraits,
  RedisLink,
  RunOptions,
  Subscription,
  SubscriptionHandler,
} from './link.js'
import { openNodeSubscriber } from './node-subscriber.js'
import { PrimaryWatch } from './primary-watch.js'
import { Pulse } from './pulse.js'
import { redactError } from './redacted-error.js'
import { RedisClock } from './redis-clock.js'
import { Revival } from './revival.js'
import { Subscriber } from './subscriber.js'
import { TimedCommands } from './timed-commands.js'

/** How a {@link ClientLink} watches its client. Times in milliseconds. */
export interface ClientLinkOptions {
  readonly name: string
  readonly client: RedisClient
  /**
   * A command that has no answer by then is given up, and the link becomes `suspect`. On a Cluster whose
   * other shards answer it stays `up`: only the primaries that are silent lose their connection, at most a
   * quarter of a deadline later. Until such a shard is served again, commands to it fail at once; one that
   * happens to be the first on a new connection may wait its deadline once more.
   */
  readonly deadlineMs?: number
  /** An idle connection is asked for a sign of life this often; `false` never. */
  readonly heartbeatMs?: number | false
  /** A connection that was accepted and stays silent is given up after this long. */
  readonly handshakeMs?: number
  readonly traits?: Partial<LinkTraits>
  readonly keyPrefix?: () => string
  readonly channelPrefix?: string
  /** Runs on each new connection before the link is `up`; when it throws the link stays `down`. */
  readonly prepare?: (client: RedisClient) => Promise<void>
  /**
   * Opens the connection for subscriptions; without it `subscribe` throws. Not asked on a Cluster, where
   * it is a connection to one of the nodes, and to another one when that is lost.
   */
  readonly openSubscriber?: () => RedisClient
  /** The client belongs to this link: it may be reset when it hangs, and is closed with the link. */
  readonly owned: boolean
}

const defaults = {
  deadlineMs: 1000,
  heartbeatMs: 800,
  handshakeMs: 1500,
} as const satisfies Partial<ClientLinkOptions>

const plainTraits: LinkTraits = { cluster: false, billedByCommand: false, provider: 'unknown' }

/** After a READONLY answer the connection is renewed at most this often: the old primary may stay a replica for good. */
const readOnlyResetEveryMs = 10_000
/** `prepare` may take this many deadlines. */
const prepareDeadlines = 3
/** A connection that was refused by `prepare` is tried again after this long. */
const admitAgainMs = 500

/** A {@link RedisLink} over one client, whose connection it watches. */
export class ClientLink implements RedisLink {
  readonly name: string
  readonly traits: LinkTraits
  readonly clock: RedisClock = new RedisClock()
  readonly channelPrefix: string
  readonly #options: ClientLinkOptions
  readonly #client: RedisClient
  readonly #deadlineMs: number
  readonly #listeners = new Set<StateListener>()
  readonly #renewalListeners = new Set<() => void>()
  readonly #commands: TimedCommands
  readonly #primaries: PrimaryWatch | undefined
  readonly #pulse: Pulse
  readonly #heartbeat: Heartbeat
  readonly #revival: Revival | undefined
  #state: LinkState = { status: 'connecting', sinceMs: performance.now() }
  #refused = 0
  #connected = 0
  /** The link was up before and has been down since. */
  #wasLost = false
  /** Counts connections, so that what one of them was asked cannot speak for the next. */
  #connection = 0
  #lastError: Error | undefined
  #lastReadOnlyResetMs = -Infinity
  #admitAgain: NodeJS.Timeout | undefined
  #cancelHandshake: () => void = () => undefined
  #subscriber: Subscriber | undefined

  constructor(options: ClientLinkOptions) {
    this.name = options.name
    this.traits = { ...plainTraits, ...options.traits }
    this.channelPrefix = options.channelPrefix ?? ''
    this.#options = options
    this.#client = options.client
    this.#deadlineMs = options.deadlineMs ?? defaults.deadlineMs
    this.#commands = new TimedCommands({
      name: options.name,
      client: options.client,
      onReadOnly: () => {
        this.#leaveReadOnly()
      },
    })
    this.#primaries = isClusterClient(options.client)
      ? new PrimaryWatch({
          client: options.client,
          owned: options.owned,
          deadlineMs: this.#deadlineMs,
          onRenewed: () => {
            this.#renewed()
          },
          onAllLost: () => {
            this.#onLost()
            this.#reset()
          },
        })
      : undefined
    this.#pulse = new Pulse(options.client, this.clock, this.#primaries)
    this.#heartbeat = new Heartbeat({
      everyMs: options.heartbeatMs ?? defaults.heartbeatMs,
      silentMs: () => this.#commands.silentMs,
      beat: () => this.run(() => this.#pulse.ask()),
      // A missed heartbeat has made the link suspect; the next one is due when it is up again.
      goesOn: () => this.#state.status === 'up',
    })
    this.#revival = options.owned ? new Revival(options.client) : undefined
    this.#client.on('connect', this.#onConnect)
    this.#client.on('ready', this.#onReady)
    this.#client.on('error', this.#onError)
    this.#client.on('close', this.#onLost)
    this.#client.on('end', this.#onLost)
    if (this.#client.status === 'ready') this.#onReady()
    else if (this.#client.status === 'connect') this.#onConnect()
    else if (this.#client.status === 'wait') this.#client.connect().catch(() => undefined)
  }

  get state(): LinkState {
    return this.#state
  }

  get status(): LinkStatus {
    return this.#state.status
  }

  get counters(): LinkCounters {
    const { answered, missed } = this.#commands
    return { answered, refused: this.#refused, missed, connected: this.#connected }
  }

  get keyPrefix(): string {
    return this.#options.keyPrefix?.() ?? ''
  }

  run<T>(work: (client: RedisClient) => Promise<T>, options?: RunOptions): Promise<T> {
    if (this.#state.status !== 'up') {
      this.#refused += 1
      return Promise.reject(this.#refusal())
    }
    return this.#commands.run(work, options?.deadlineMs ?? this.#deadlineMs, (error) => {
      this.#missed(error)
    })
  }

  subscribe(channel: string, handler: SubscriptionHandler): Subscription {
    this.#subscriber ??= this.#openSubscriber()
    return this.#subscriber.subscribe(channel, handler)
  }

  onChange(listener: StateListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  onRenewed(listener: () => void): () => void {
    this.#renewalListeners.add(listener)
    return () => this.#renewalListeners.delete(listener)
  }

  async close(): Promise<void> {
    if (this.#state.status === 'closed') return
    const wasUp = this.#state.status === 'up'
    this.#become({ status: 'closed' })
    // What is being prepared or asked for on this connection comes too late.
    this.#connection += 1
    this.#client.off('connect', this.#onConnect)
    this.#client.off('ready', this.#onReady)
    this.#client.off('close', this.#onLost)
    this.#client.off('end', this.#onLost)
    this.#cancelHandshake()
    this.#heartbeat.stop()
    clearTimeout(this.#admitAgain)
    this.#primaries?.stop()
    this.#revival?.stop()
    this.#listeners.clear()
    this.#renewalListeners.clear()
    const subscriber = this.#subscriber
    this.#subscriber = undefined
    subscriber?.close()
    // The error listener stays on a client of our own: a last error without one would end the process.
    if (!this.#options.owned) {
      this.#client.off('error', this.#onError)
      return
    }
    // QUIT lets replies arrive that are on their way, but on a dead connection it is never answered.
    if (wasUp) await this.#commands.run(() => this.#client.quit(), closeMs).catch(() => undefined)
    this.#leaveForGood()
  }

  /** A Cluster client that is told to leave while it looks for its nodes may connect all the same, and stay. */
  #leaveForGood(): void {
    const leave = (): void => {
      this.#client.disconnect()
    }
    this.#client.on('connect', leave)
    this.#client.on('ready', leave)
    leave()
  }

  #become(state: LinkState): void {
    const previous = this.#state
    if (previous.status === 'closed') return
    this.#state = state
    for (const listener of this.#listeners) listener(state, previous)
  }

  #refusal(): RedisUnavailableError {
    const state = this.#state
    const why = {
      off: 'no Redis is configured',
      connecting: 'it is not connected yet',
      up: 'it is up',
      suspect: 'it stopped answering',
      down: 'it is down',
      closed: 'the link was closed',
    }[state.status]
    return new RedisUnavailableError(`Redis (${this.name}) was not asked: ${why}. Try again later.`, {
      outcome: 'not-sent',
      status: state.status,
      ...('cause' in state ? { cause: state.cause } : {}),
    })
  }

  readonly #onConnect = (): void => {
    this.#cancelHandshake()
    this.#cancelHandshake = startDeadline(this.#options.handshakeMs ?? defaults.handshakeMs, () => {
      this.#lastError = new Error('the server accepted the connection and stayed silent')
      this.#reset()
    })
  }

  readonly #onReady = (): void => {
    this.#cancelHandshake()
    this.#revival?.stop()
    this.#connection += 1
    void this.#admit(this.#connection)
  }

  readonly #onError = (error: Error): void => {
    const cause = redactError(error)
    // A client that looks for its primary through sentinels goes on asking them without ever closing.
    if (this.#state.status === 'connecting' || this.#state.status === 'down') this.#goDown(cause)
    this.#lastError = cause
  }

  readonly #onLost = (): void => {
    this.#cancelHandshake()
    this.#heartbeat.stop()
    clearTimeout(this.#admitAgain)
    this.#revival?.start()
    this.#connection += 1
    const cause = this.#lastError
    this.#lastError = undefined
    if (cause !== undefined) this.#goDown(cause)
    // That a connection was closed explains nothing that is not known yet.
    else if (this.#state.status !== 'down') this.#goDown(new Error('the connection was closed'))
  }

  /** While the link stays down, a new cause is told as a change of its own: `down` after `down`. */
  #goDown(cause: Error): void {
    const state = this.#state
    this.#wasLost = this.#connected > 0
    this.#primaries?.stop()
    if (state.status !== 'down') this.#become({ status: 'down', sinceMs: performance.now(), cause })
    else if (state.cause.message !== cause.message) this.#become({ ...state, cause })
  }

  /** Lets a new connection in once it is prepared and answers. */
  async #admit(connection: number): Promise<void> {
    try {
      const { prepare } = this.#options
      // Several round trips: where each takes most of a deadline, one for all would never be met.
      if (prepare !== undefined) await this.#commands.run(prepare, prepareDeadlines * this.#deadlineMs)
      if (connection !== this.#connection) return
      await this.#commands.run(async () => {
        await this.#pulse.ask()
        // A command that meets a node while it is connecting would fail.
        await this.#pulse.complete
      }, this.#deadlineMs)
    } catch (error) {
      if (connection !== this.#connection) return
      this.#goDown(error instanceof Error ? error : new Error(String(error)))
      if (isRedisUnavailable(error)) this.#reset()
      this.#scheduleAdmission(connection)
      return
    }
    if (connection === this.#connection) this.#comeUp()
  }

  #scheduleAdmission(connection: number): void {
    clearTimeout(this.#admitAgain)
    this.#admitAgain = setTimeout(() => {
      if (connection === this.#connection) void this.#admit(connection)
    }, admitAgainMs)
  }

  #comeUp(): void {
    this.#lastError = undefined
    this.#connected += 1
    this.#become({ status: 'up', sinceMs: performance.now() })
    this.#heartbeat.start()
    this.#primaries?.start()
    if (this.#wasLost) this.#renewed()
  }

  #renewed(): void {
    this.#wasLost = false
    for (const listener of this.#renewalListeners) listener()
  }

  #missed(error: Error): void {
    const primaries = this.#primaries
    if (primaries !== undefined && this.#commands.silentMs < primaries.graceMs) {
      // Some shard answers: the others need not suffer. If none does by now, the heartbeat will tell.
      if (this.#state.status === 'up') void this.#pulse.ask().catch(() => undefined)
    } else this.#suspect(error)
  }

  #suspect(cause: Error): void {
    if (this.#state.status !== 'up') return
    this.#heartbeat.stop()
    this.#become({ status: 'suspect', sinceMs: performance.now(), cause })
    void this.#probe(this.#connection)
  }

  /** Asks a suspect connection for a sign of life; without one the socket is given up. */
  async #probe(connection: number): Promise<void> {
    const alive = await this.#commands
      .run(() => this.#pulse.ask(), this.#deadlineMs)
      .then(
        () => true,
        () => false,
      )
    if (connection !== this.#connection || this.#state.status !== 'suspect') return
    if (alive) {
      this.#comeUp()
      return
    }
    this.#goDown(this.#state.cause)
    if (this.#options.owned) this.#reset()
    else this.#scheduleAdmission(connection)
  }

  #leaveReadOnly(): void {
    const nowMs = performance.now()
    if (nowMs - this.#lastReadOnlyResetMs < readOnlyResetEveryMs) return
    this.#lastReadOnlyResetMs = nowMs
    this.#reset()
  }

  /** Gives the socket up; the client reconnects by its own retry strategy. */
  #reset(): void {
    if (this.#options.owned && this.#state.status !== 'closed') this.#client.disconnect(true)
  }

  #openSubscriber(): Subscriber {
    const client = this.#client
    const open = isClusterClient(client) ? () => openNodeSubscriber(client) : this.#options.openSubscriber
    if (open === undefined) {
      throw new Error(`The link "${this.name}" was made without openSubscriber: it cannot subscribe.`)
    }
    return new Subscriber({
      open,
      deadlineMs: this.#deadlineMs,
      heartbeatMs: this.#options.heartbeatMs ?? defaults.heartbeatMs,
      handshakeMs: this.#options.handshakeMs ?? defaults.handshakeMs,
    })
  }
}

/** What QUIT is given on a connection that was answering. */
const closeMs = 250
