import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { LaneFaults } from './fault-lane.js'
import { freePort } from './free-port.js'
import { ProxiedConnection } from './proxied-connection.js'
import type { TeardownHost } from './teardown.js'

export interface FaultProxyOptions {
  /** Where the server listens; a RedisServer fits. */
  host: string
  port: number
  /** A free port by default. */
  listenPort?: number
}

export interface DropRepliesOptions {
  /** How many replies are lost; default all. */
  count?: number
  /**
   * Only replies to requests that match, written as one types them: `SET key value`. Needs a connection without
   * TLS, in which requests cannot be seen.
   */
  matching?: RegExp
  /** Reset the connection in place of the reply; default false: silence. */
  reset?: boolean
}

interface ReplyLoss {
  remaining: number
  matching: RegExp | undefined
  reset: boolean
}

/** Starts a proxy on the loopback address that behaves like a wire until it is told otherwise. */
export async function startFaultProxy(options: FaultProxyOptions, owner?: TeardownHost): Promise<FaultProxy> {
  const proxy = new FaultProxy(options, options.listenPort ?? (await freePort()))
  owner?.teardown(() => proxy.stop())
  await proxy.restore()
  return proxy
}

/** Faults of the network in front of a server. They add up until `restore()`. */
export class FaultProxy {
  readonly host: string = '127.0.0.1'
  readonly port: number
  readonly #target: { host: string; port: number }
  readonly #open = new Set<ProxiedConnection>()
  readonly #faults: LaneFaults = { held: false, delayMs: 0 }
  #loss: ReplyLoss | undefined
  #forgetHeld = false
  #listener: Server | undefined
  #accepted = 0

  /** Use `startFaultProxy`. */
  constructor(target: FaultProxyOptions, port: number) {
    this.#target = { host: target.host, port: target.port }
    this.port = port
  }

  /** Open connections. */
  get connections(): number {
    return this.#open.size
  }

  /** Connections accepted since the start. */
  get accepted(): number {
    return this.#accepted
  }

  /** The same URL with the proxy's host and port. */
  url(from: string): string {
    const url = new URL(from)
    url.hostname = this.host
    url.port = String(this.port)
    return url.href
  }

  /** Connections are refused, and those that are open are reset. */
  async refuse(): Promise<void> {
    const listener = this.#listener
    this.#listener = undefined
    const closed = listener && once(listener, 'close')
    listener?.close()
    this.resetAll()
    await closed
  }

  /** A round trip takes that much longer; half of it each way. */
  latency(ms: number): void {
    this.#faults.delayMs = ms / 2
    this.#move()
  }

  /**
   * Connections are accepted and stay open, and no byte passes in either direction. On `restore()` what was held
   * goes on its way, as TCP's retransmission would have it; with `drop` it is lost, and so are the connections.
   */
  blackHole({ drop = false }: { drop?: boolean } = {}): void {
    this.#faults.held = true
    this.#forgetHeld = drop
    this.#move()
  }

  /** At most so many bytes at a time, in each direction. */
  drip(pace: { bytes: number; everyMs: number }): void {
    this.#faults.drip = pace
    this.#move()
  }

  /**
   * Requests reach the server, their replies never reach the client. A stream cannot go on behind a gap: after a
   * lost reply its connection stays silent, until `restore()` resets it. Replies to earlier requests arrive.
   */
  dropReplies({ count = Infinity, matching, reset = false }: DropRepliesOptions = {}): void {
    // Without its flags for repetition, which would make it remember where it was.
    const pattern = matching && new RegExp(matching.source, matching.flags.replace(/[gy]/g, ''))
    this.#loss = { remaining: count, matching: pattern, reset }
  }

  /** RST on every connection, to both ends. New ones are welcome. */
  resetAll(): void {
    for (const connection of this.#open) this.#reset(connection)
  }

  /** A wire again, on the same port. */
  async restore(): Promise<void> {
    for (const connection of this.#open) {
      if (connection.broken || this.#forgetHeld) this.#reset(connection)
    }
    this.#loss = undefined
    this.#forgetHeld = false
    this.#faults.held = false
    this.#faults.delayMs = 0
    this.#faults.drip = undefined
    this.#move()
    if (!this.#listener) await this.#listen()
  }

  async stop(): Promise<void> {
    await this.refuse()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  async #listen(): Promise<void> {
    const listener = createServer({ allowHalfOpen: true }, (client) => this.#accept(client))
    this.#listener = listener
    listener.listen(this.port, this.host)
    await once(listener, 'listening')
  }

  #accept(client: Socket): void {
    this.#accepted++
    const server = connect({ ...this.#target, allowHalfOpen: true })
    const connection = new ProxiedConnection(client, server, this.#faults, (request) => this.#judge(request))
    this.#open.add(connection)
    client.on('close', () => this.#open.delete(connection))
  }

  #judge(request: string | undefined): 'keep' | 'lose' | 'reset' {
    const loss = this.#loss
    if (!loss || loss.remaining <= 0) return 'keep'
    if (loss.matching && !(request !== undefined && loss.matching.test(request))) return 'keep'
    loss.remaining--
    return loss.reset ? 'reset' : 'lose'
  }

  #reset(connection: ProxiedConnection): void {
    this.#open.delete(connection)
    connection.reset()
  }

  #move(): void {
    for (const connection of this.#open) connection.move()
  }
}
