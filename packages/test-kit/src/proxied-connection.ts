import type { Socket } from 'node:net'
import { FaultLane, type LaneFaults } from './fault-lane.js'
import { resetSocket } from './reset-socket.js'
import { type Frame, FrameCutter, requestText } from './resp-frames.js'

/** Asked with each request; true when this one's reply is to be lost. */
export type LoseReply = (request: string | undefined) => 'keep' | 'lose' | 'reset'

const nothing = Buffer.alloc(0)
const tlsHandshake = 0x16
const subscription = /^[ps]?(un)?subscribe\b/i
/** In RESP2 messages come as ordinary lists, told by their first word; in RESP3 they are pushes. */
const message = /^\*\d+\r\n\$\d+\r\n([ps]?(un)?subscribe|[ps]?message)\r\n/i

/** A client's connection and the one to the server behind it. */
export class ProxiedConnection {
  readonly #client: Socket
  readonly #server: Socket
  readonly #toServer: FaultLane
  readonly #toClient: FaultLane
  readonly #loseReply: LoseReply
  readonly #requests = new FrameCutter()
  readonly #replies = new FrameCutter()
  /** TLS: we see bytes, and no requests. */
  #opaque: boolean | undefined
  #sent = 0
  #answered = 0
  /** Number of the request from whose reply on the client hears nothing any more. */
  #silentFrom = Infinity
  #resetThen = false
  #subscribing = false

  constructor(client: Socket, server: Socket, faults: LaneFaults, loseReply: LoseReply) {
    this.#client = client
    this.#server = server
    this.#loseReply = loseReply
    for (const socket of [client, server]) socket.setNoDelay(true)
    this.#toServer = new FaultLane(client, server, faults, (bytes) => this.#onRequest(bytes))
    this.#toClient = new FaultLane(server, client, faults, (bytes) => this.#onReply(bytes))
  }

  /** A reply of it was lost, and with it the order of all that follow. */
  get broken(): boolean {
    return this.#silentFrom < Infinity
  }

  move(): void {
    this.#toServer.move()
    this.#toClient.move()
  }

  reset(): void {
    this.#toServer.close()
    this.#toClient.close()
    resetSocket(this.#client)
    resetSocket(this.#server)
  }

  #onRequest(bytes: Buffer): Buffer {
    this.#opaque ??= bytes[0] === tlsHandshake
    if (this.#opaque) {
      this.#sent++
      this.#judge(undefined)
      return bytes
    }
    for (const frame of this.#requests.feed(bytes)) {
      const request = requestText(frame.bytes)
      if (subscription.test(request)) this.#subscribing = true
      else this.#sent++
      this.#judge(request)
    }
    return bytes
  }

  #judge(request: string | undefined): void {
    if (this.broken) return
    const verdict = this.#loseReply(request)
    if (verdict === 'keep') return
    this.#silentFrom = this.#opaque ? 0 : this.#sent
    this.#resetThen = verdict === 'reset'
  }

  #onReply(bytes: Buffer): Buffer {
    if (this.#opaque) return this.broken ? this.#swallow() : bytes
    let passed = this.#answered + 1 >= this.#silentFrom ? 0 : bytes.length
    for (const frame of this.#replies.feed(bytes)) {
      if (this.#isMessage(frame)) continue
      this.#answered++
      if (this.#answered === this.#silentFrom - 1) passed = frame.end
      if (this.#answered === this.#silentFrom) this.#swallow()
    }
    return bytes.subarray(0, passed)
  }

  /** Something that answers no request; the confirmation of a subscription looks like that too. */
  #isMessage(frame: Frame): boolean {
    return frame.push || (this.#subscribing && message.test(frame.bytes.toString('latin1', 0, 40)))
  }

  #swallow(): Buffer {
    if (this.#resetThen) setImmediate(() => this.reset())
    return nothing
  }
}
