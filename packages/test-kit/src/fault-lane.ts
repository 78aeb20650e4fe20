import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { resetSocket } from './reset-socket.js'

export interface LaneFaults {
  /** Nothing moves. */
  held: boolean
  delayMs: number
  drip?: { bytes: number; everyMs: number } | undefined
}

/** What travels: bytes, and how the stream ended. */
type Cargo = { kind: 'bytes'; bytes: Buffer; dueAt: number } | { kind: 'end' } | { kind: 'reset' }

/** One direction of a connection: what comes out of one socket goes, in order, into the other. */
export class FaultLane {
  readonly #source: Socket
  readonly #sink: Socket
  readonly #faults: LaneFaults
  readonly #inspect: (bytes: Buffer) => Buffer
  readonly #queue: Cargo[] = []
  #nextDripAt = 0
  #timer: NodeJS.Timeout | undefined

  /** @param inspect sees what is about to arrive and may take bytes out */
  constructor(source: Socket, sink: Socket, faults: LaneFaults, inspect: (bytes: Buffer) => Buffer) {
    this.#source = source
    this.#sink = sink
    this.#faults = faults
    this.#inspect = inspect
    source.on('data', (bytes) =>
      this.#add({ kind: 'bytes', bytes, dueAt: performance.now() + faults.delayMs }),
    )
    source.on('end', () => this.#add({ kind: 'end' }))
    source.on('error', () => this.#add({ kind: 'reset' }))
    this.move()
  }

  /** Moves what may move; to be called when the faults have changed. */
  move(): void {
    clearTimeout(this.#timer)
    if (this.#faults.held) {
      // What is not read stays in the kernel, and so does the news that the other end has gone.
      this.#source.pause()
      return
    }
    this.#source.resume()
    if (!this.#faults.drip) this.#nextDripAt = 0
    for (let head = this.#queue[0]; head; head = this.#queue[0]) {
      const waitMs = head.kind === 'bytes' ? Math.max(head.dueAt, this.#nextDripAt) - performance.now() : 0
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.move(), Math.ceil(waitMs))
        return
      }
      this.#deliver(head)
    }
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#queue.length = 0
  }

  #add(cargo: Cargo): void {
    this.#queue.push(cargo)
    this.move()
  }

  #deliver(head: Cargo): void {
    const { drip } = this.#faults
    if (head.kind === 'bytes' && drip && head.bytes.length > drip.bytes) {
      this.#write(head.bytes.subarray(0, drip.bytes))
      head.bytes = head.bytes.subarray(drip.bytes)
    } else {
      this.#queue.shift()
      if (head.kind === 'bytes') this.#write(head.bytes)
      else if (head.kind === 'end') this.#sink.end()
      else resetSocket(this.#sink)
    }
    if (drip) this.#nextDripAt = performance.now() + drip.everyMs
  }

  #write(bytes: Buffer): void {
    const passed = this.#inspect(bytes)
    if (passed.length > 0 && this.#sink.writable) this.#sink.write(passed)
  }
}
