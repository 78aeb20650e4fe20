import { reconnectDelay, type RedisClient } from '@stayfast/redis-kit'
import { performance } from 'node:perf_hooks'
import { setClientOption } from './client-option.js'
import { diagnose, type Diagnosis, type DiagnosisContext } from './diagnosis/diagnosis.js'

/** A connection that is refused for a reason that someone has to mend is tried again this seldom. */
const slowDelayMs = 30_000
/** A proxy that cannot speak RESP3 closes on HELLO, without a word and at once. */
const silentCloseWithinMs = 1000
const silentClosesUntilResp2 = 2

/** Decides when a client connects again, and with which protocol, from how it failed. */
export class ReconnectPolicy {
  readonly #context: Omit<DiagnosisContext, 'neverConnected'>
  #neverConnected = true
  #lastDiagnosis: Diagnosis | undefined
  #handshakeSinceMs: number | undefined
  #silentCloses = 0

  constructor(context: Omit<DiagnosisContext, 'neverConnected'>) {
    this.#context = context
  }

  /** For the client's options, which exist before the client does. */
  readonly retryStrategy = (attempt: number): number => {
    if (this.#lastDiagnosis?.retry !== 'slow') return reconnectDelay(attempt)
    return Math.round(slowDelayMs * (1 + Math.random() * 0.2))
  }

  /** Explains an error as of now. */
  diagnose(error: unknown): Diagnosis {
    return diagnose(error, { ...this.#context, neverConnected: this.#neverConnected })
  }

  /** Follows a client. Its listeners live as long as it does. */
  attach(client: RedisClient): void {
    client.on('error', (error: Error) => {
      this.#lastDiagnosis = this.diagnose(error)
    })
    client.on('connect', () => {
      this.#handshakeSinceMs = performance.now()
      this.#lastDiagnosis = undefined
    })
    client.on('ready', () => {
      this.#neverConnected = false
      this.#handshakeSinceMs = undefined
      this.#lastDiagnosis = undefined
      this.#silentCloses = 0
    })
    client.on('close', () => {
      const sinceMs = this.#handshakeSinceMs
      this.#handshakeSinceMs = undefined
      if (sinceMs === undefined || this.#lastDiagnosis !== undefined) return
      if (performance.now() - sinceMs > silentCloseWithinMs) return
      this.#silentCloses += 1
      if (this.#silentCloses >= silentClosesUntilResp2) setClientOption(client, 'protocol', 2)
    })
  }
}
