import { performance } from 'node:perf_hooks'

/** Beats per lease: two may be lost before memory is distrusted. */
const beatsPerLease = 3

/**
 * The right to answer from memory. It is asked for by a beat that is published to oneself; it counts from
 * the sending of the beat, by the process's own monotonic clock, and holds once the beat has come back.
 */
export class EchoLease {
  readonly #leaseMs: number
  readonly #sentMs = new Map<string, number>()
  #untilMs = -Infinity
  #number = 0

  constructor(leaseMs: number) {
    this.#leaseMs = leaseMs
  }

  /** How long to wait between two beats. */
  get beatEveryMs(): number {
    return this.#leaseMs / beatsPerLease
  }

  get running(): boolean {
    return performance.now() < this.#untilMs
  }

  /** Makes the beat that is sent now. */
  beat(): string {
    this.#number += 1
    const beat = `beat:${this.#number}`
    this.#sentMs.set(beat, performance.now())
    const oldest = this.#sentMs.size > 2 * beatsPerLease ? this.#sentMs.keys().next().value : undefined
    if (oldest !== undefined) this.#sentMs.delete(oldest)
    return beat
  }

  /**
   * A beat has come back.
   *
   * @returns False when the text is no beat.
   */
  echo(text: string): boolean {
    if (!text.startsWith('beat:')) return false
    const sentMs = this.#sentMs.get(text)
    this.#sentMs.delete(text)
    if (sentMs !== undefined) this.#untilMs = Math.max(this.#untilMs, sentMs + this.#leaseMs)
    return true
  }

  /** Ends it; the beats that are under way grant none either. */
  lose(): void {
    this.#untilMs = -Infinity
    this.#sentMs.clear()
  }
}
