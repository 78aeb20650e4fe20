import { reconnectDelay, type RedisClient } from '@stayfast/redis-kit'
import { performance } from 'node:perf_hooks'
import { setClientOption } from './client-option.js'
import { diagnose, type Diagnosis, type DiagnosisContext } from './diagnosis/diagnosis.js'
import { isRedisConfigError } from './errors.js'

/** A connection that is refused for a reason that someone has to mend is tried again this seldom. */
const slowDelayMs = 30_000
/**
 * One such refusal proves nothing: a server that is killed while it greets, or one that is given its
 * password a moment after its start, refuses once and is well again.
 */
const refusalsUntilSlow = 2
/** A proxy that cannot speak RESP3 closes on HELLO, without a word and at once. */
const silentCloseWithinMs = 1000
const silentClosesUntilOtherProtocol = 2
/** A connection that was ready for less than this is counted as one more attempt that failed. */
const soundAfterMs = 1000

/** Decides when a client connects again, and with which protocol, from how it failed. */
export class ReconnectPolicy {
  readonly #context: Omit<DiagnosisContext, 'neverConnected'>
  #neverConnected = true
  /** What went wrong in the attempt under way; undefined while nothing has. */
  #diagnosis: Diagnosis | undefined
  #attempts = 0
  #refusals = 0
  #readySinceMs = Infinity
  #handshakeSinceMs: number | undefined
  #protocol: 2 | 3 = 3
  #silent = true
  #silentCloses = 0

  constructor(context: Omit<DiagnosisContext, 'neverConnected'>) {
    this.#context = context
  }

  /**
   * For the client's options, which exist before the client does. Called once for each connection that was lost or
   * did not come about. The client's own count is of no use: it begins anew whenever the client believes itself
   * ready, such as on a server that closes at once.
   */
  readonly retryStrategy = (): number => {
    if (performance.now() - this.#readySinceMs > soundAfterMs) this.#attempts = 0
    this.#attempts += 1
    this.#readySinceMs = Infinity
    if (this.#diagnosis?.retry === 'slow') this.#refusals += 1
    // A close without a word says nothing: a server at its limit of clients does now this and now that.
    else if (this.#diagnosis !== undefined) this.#refusals = 0
    this.#diagnosis = undefined
    if (this.#refusals < refusalsUntilSlow) return reconnectDelay(this.#attempts)
    return Math.round(slowDelayMs * (1 + Math.random() * 0.2))
  }

  /** Explains an error as of now. */
  diagnose(error: unknown): Diagnosis {
    if (isRedisConfigError(error)) {
      const summary = error.message.replace(` ${error.remedy}`, '')
      return { signal: error.code, summary, hint: error.remedy, retry: 'slow' }
    }
    return diagnose(error, { ...this.#context, neverConnected: this.#neverConnected })
  }

  /** Closes a connection that works and must not be used, at once and until someone has mended the cause. */
  refuse(client: RedisClient, cause: Error): void {
    this.#diagnosis = this.diagnose(cause)
    this.#refusals = refusalsUntilSlow
    client.disconnect(true)
  }

  /** Follows a client. Its listeners live as long as it does. */
  attach(client: RedisClient): void {
    client.on('error', (error: Error) => {
      this.#diagnosis = this.diagnose(error)
      this.#silent = false
    })
    client.on('connect', () => {
      this.#silent = true
      this.#handshakeSinceMs = performance.now()
    })
    client.on('ready', () => {
      this.#neverConnected = false
      this.#handshakeSinceMs = undefined
      this.#readySinceMs = performance.now()
      this.#diagnosis = undefined
      this.#refusals = 0
      this.#silentCloses = 0
    })
    client.on('close', () => {
      const sinceMs = this.#handshakeSinceMs
      this.#handshakeSinceMs = undefined
      if (sinceMs === undefined) return
      const isSilent = this.#silent && performance.now() - sinceMs <= silentCloseWithinMs
      this.#silentCloses = isSilent ? this.#silentCloses + 1 : 0
      if (this.#silentCloses < silentClosesUntilOtherProtocol) return
      this.#silentCloses = 0
      this.#protocol = this.#protocol === 3 ? 2 : 3
      setClientOption(client, 'protocol', this.#protocol)
    })
  }
}
