import { randomBytes } from 'node:crypto'
import { parseMessage, type Message } from './bus-message.js'
import { beatScript, leaveScript, publishScript, type BusReply } from './bus-script.js'
import { Confirmations } from './confirmations.js'
import { EchoLease } from './echo-lease.js'
import { Keyspace } from './keyspace.js'
import type { RedisLink, Subscription } from './link.js'

/** What became of a message. */
export interface Delivery {
  /**
   * Every process that was live when the message was published has applied it, or has lost the right
   * to answer from memory. Always false on a bus that does not ask for confirmations.
   */
  readonly delivered: boolean
}

/** What a subscriber of a topic is told. */
export interface BusHandler {
  /** Applies a message, at once and idempotently: it may come twice, late, and from this process itself. */
  onMessage(payload: string): void
  /** Messages may have been missed: nothing in memory may be trusted before it was checked. */
  onRevalidate(): void
}

/** How a {@link Bus} works. */
export interface BusOptions {
  readonly link: RedisLink
  /** How long a process may answer from memory after its last beat; default 2000, or 30,000 where commands are billed. */
  readonly leaseMs?: number
  /** Ask every process to confirm; by default unless commands are billed. */
  readonly confirm?: boolean
}

/** What a script needs to publish by itself; see {@link Bus.envelope}. */
export interface Envelope {
  readonly id: string
  readonly membersKey: string
  readonly channel: string
  readonly message: string
}

/** Publications that wait for confirmations at most; further ones are told as not delivered. */
const waitingAtMost = 10_000

/**
 * Keeps the memories of several processes coherent.
 *
 * ```
 *   A                              Redis                            B
 *   │                                │ ◄── beat 7 (lease: 2 s) ──── │ lease counted from here
 *   │                                │ ──── beat 7 through inbox ──► │ and valid from here:
 *   │                                │                               │ all before it has arrived
 *   │ ── publish: message, ────────► │                               │
 *   │ ◄─ members and their leases ── │ ──────── message ───────────► │ applies it
 *   │ ◄──────────────── confirmation through A's inbox ───────────── │
 *   │ delivered: true                │                               │
 * ```
 *
 * - A process may answer from memory while its lease runs ({@link Bus.covered}). The lease counts from
 *   the sending of a beat, by the process's own monotonic clock, and is granted when the beat comes
 *   back through the subscription: whatever was published before it has come in before it. A half-open
 *   subscriber gets no beat back and so loses its lease, however well its commands work.
 * - `publish` resolves once every member has confirmed or its lease has run out. A lost message is
 *   repeated; one that comes twice or late does no harm, because handlers are idempotent.
 * - A member that dies without leaving is waited for until its lease ends, once.
 * - After each interruption of the subscription everything is revalidated, nothing is flushed.
 *
 * On a Cluster all of it is published by the node that owns the members' key, so that a beat cannot
 * overtake a message on another way through the cluster.
 */
export class Bus {
  /** This process on the bus. */
  readonly id: string = randomBytes(9).toString('base64url')
  readonly leaseMs: number
  readonly #link: RedisLink
  readonly #keyspace: Keyspace
  readonly #channels: Keyspace
  readonly #confirm: boolean
  readonly #lease: EchoLease
  readonly #confirmations = new Confirmations()
  readonly #handlers = new Map<string, Set<BusHandler>>()
  readonly #toConfirm = new Map<string, string[]>()
  readonly #subscriptions: Subscription[] = []
  readonly #stopListening: () => void
  #confirming = false
  #hearing = new Set<string>()
  #messageNumber = 0
  #members = 1
  #beatTimer: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: BusOptions) {
    const { billedByCommand } = options.link.traits
    this.#link = options.link
    this.leaseMs = options.leaseMs ?? (billedByCommand ? 30_000 : 2000)
    this.#lease = new EchoLease(this.leaseMs)
    this.#confirm = options.confirm ?? !billedByCommand
    this.#keyspace = new Keyspace(() => this.#link.keyPrefix)
    this.#channels = new Keyspace(options.link.channelPrefix)
    this.#stopListening = this.#link.onChange(({ status }) => {
      if (status === 'up') this.#beat()
    })
    this.#listen(this.#channels.key('bus', 'all'), (text) => {
      this.#onMessage(text)
    })
    this.#listen(this.#inbox(this.id), (text) => {
      this.#onInbox(text)
    })
    if (this.#link.status === 'up') this.#beat()
  }

  /** Whether this process may answer from memory now: its lease is running. */
  get covered(): boolean {
    return this.#lease.running
  }

  /** Live processes at the last beat, this one included; the last known number while Redis is away. */
  get members(): number {
    return this.#members
  }

  /** Hears a topic. Handlers are called in the order of publishing. */
  on(topic: string, handler: BusHandler): Subscription {
    const handlers = this.#handlers.get(topic) ?? new Set()
    this.#handlers.set(topic, handlers)
    handlers.add(handler)
    return {
      close: () => {
        handlers.delete(handler)
        if (handlers.size === 0 && this.#handlers.get(topic) === handlers) this.#handlers.delete(topic)
      },
    }
  }

  /**
   * Tells every process.
   *
   * @throws What {@link RedisLink.run} throws: the message was then not published, or may not have been.
   */
  async publish(topic: string, payload: string): Promise<Delivery> {
    const envelope = this.envelope(topic, payload)
    return this.delivery(envelope, await this.#publish(envelope))
  }

  /** What a script needs to publish together with its write; {@link Bus.delivery} then waits. */
  envelope(topic: string, payload: string): Envelope {
    this.#messageNumber += 1
    const message: Message = { id: this.#messageNumber.toString(36), from: this.id, topic, payload }
    return {
      id: message.id,
      membersKey: this.#keyspace.key('bus', 'members'),
      channel: this.#channels.key('bus', 'all'),
      message: JSON.stringify(message),
    }
  }

  /** A message that a script may publish with its write, and that nobody confirms. */
  announcement(topic: string, payload: string): { readonly channel: string; readonly message: string } {
    const message: Message = { id: '', from: this.id, topic, payload, quiet: true }
    return { channel: this.#channels.key('bus', 'all'), message: JSON.stringify(message) }
  }

  /** Waits until an envelope that a script has published is delivered. */
  async delivery(envelope: Envelope, reply: BusReply): Promise<Delivery> {
    if (!this.#confirm || this.#closed || this.#confirmations.size >= waitingAtMost)
      return { delivered: false }
    const delivered = await this.#confirmations.wait(
      envelope.id,
      this.id,
      reply,
      2 * this.leaseMs,
      () => void this.#publish(envelope).catch(() => undefined),
    )
    return { delivered }
  }

  /** Leaves the bus, so that nobody waits for this process. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#lease.lose()
    this.#stopListening()
    clearTimeout(this.#beatTimer)
    for (const subscription of this.#subscriptions) subscription.close()
    this.#confirmations.close()
    await this.#link
      .run((client) => leaveScript.run(client, [this.#keyspace.key('bus', 'members')], [this.id]), {
        deadlineMs: 250,
      })
      .catch(() => undefined)
  }

  #inbox(member: string): string {
    return this.#channels.key('bus', 'inbox', member)
  }

  #publish({ membersKey, channel, message }: Envelope): Promise<BusReply> {
    return this.#link.run((client) => publishScript.run(client, [membersKey], [channel, message]))
  }

  #listen(channel: string, onMessage: (text: string) => void): void {
    this.#subscriptions.push(
      this.#link.subscribe(channel, {
        onMessage,
        onSubscribed: () => {
          this.#hearing.add(channel)
          if (this.#hearing.size < 2) return
          this.#revalidate()
          this.#beat()
        },
        onLost: () => {
          this.#hearing.delete(channel)
          this.#lease.lose()
        },
      }),
    )
  }

  #revalidate(): void {
    for (const handlers of this.#handlers.values()) for (const handler of handlers) handler.onRevalidate()
  }

  /** Asks for a new lease. It is granted when the beat comes back. */
  #beat(): void {
    clearTimeout(this.#beatTimer)
    if (this.#closed) return
    this.#beatTimer = setTimeout(() => {
      this.#beat()
    }, this.#lease.beatEveryMs)
    // Without both channels a beat would claim a membership that cannot be kept.
    if (this.#link.status !== 'up' || this.#hearing.size < 2) return
    const beat = this.#lease.beat()
    this.#link
      .run((client) =>
        beatScript.run(
          client,
          [this.#keyspace.key('bus', 'members')],
          [this.id, this.leaseMs, this.#inbox(this.id), beat],
        ),
      )
      .then(
        (reply) => {
          this.#members = Math.max(1, reply.leases.size)
          this.#confirmations.renewed(reply)
        },
        () => undefined,
      )
  }

  #onMessage(text: string): void {
    const message = parseMessage(text)
    if (message === undefined) return
    for (const handler of this.#handlers.get(message.topic) ?? []) handler.onMessage(message.payload)
    if (message.from !== this.id && message.quiet !== true && this.#confirm)
      this.#confirmTo(message.from, message.id)
  }

  #onInbox(text: string): void {
    if (this.#lease.echo(text)) return
    const [, member, ids] = /^ok:([^:]+):(.*)$/.exec(text) ?? []
    if (member === undefined || ids === undefined) return
    for (const id of ids.split(',')) this.#confirmations.confirm(id, member)
  }

  /** One command confirms everything that came in during one turn of the loop. */
  #confirmTo(member: string, id: string): void {
    const ids = this.#toConfirm.get(member) ?? []
    this.#toConfirm.set(member, ids)
    ids.push(id)
    if (this.#confirming) return
    this.#confirming = true
    setImmediate(() => {
      this.#confirming = false
      for (const [to, confirmed] of this.#toConfirm) {
        this.#link
          .run((client) => client.publish(this.#inbox(to), `ok:${this.id}:${confirmed.join(',')}`))
          // The sender repeats what was not confirmed.
          .catch(() => undefined)
      }
      this.#toConfirm.clear()
    })
  }
}
