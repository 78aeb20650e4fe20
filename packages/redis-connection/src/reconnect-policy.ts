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
  #client: RedisClient | undefined
  #neverConnected = true
  #attempts = 0
  #refusals = 0
  #silentCloses = 0
  #protocol: 2 | 3 = 3
  /** What is known of the attempt or the connection under way. */
  #connectedAtMs: number | undefined
  #readyAtMs: number | undefined
  #diagnosis: Diagnosis | undefined

  constructor(context: Omit<DiagnosisContext, 'neverConnected'>) {
    this.#context = context
  }

  /**
   * For the client's options, which exist before the client does. Called once for each connection that was lost or
   * did not come about. The client's own count is of no use: it begins anew whenever the client believes itself
   * ready, such as on a server that closes at once.
   */
  readonly retryStrategy = (): number => {
    const nowMs = performance.now()
    if (this.#readyAtMs !== undefined && nowMs - this.#readyAtMs > soundAfterMs) {
      this.#attempts = 0
      this.#refusals = 0
      this.#silentCloses = 0
    }
    this.#attempts += 1
    if (this.#diagnosis?.retry === 'slow') this.#refusals += 1
    // A server at its limit of clients says so, closes without a word or resets, as it happens: only an
    // attempt that did not even connect shows that something else is the matter now.
    else if (this.#connectedAtMs === undefined) this.#refusals = 0
    this.#considerProtocol(nowMs)
    this.#connectedAtMs = undefined
    this.#readyAtMs = undefined
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

  /** Follows a client, which is the only one of this policy. Its listeners live as long as it does. */
  attach(client: RedisClient): void {
    this.#client = client
    client.on('error', (error: Error) => {
      this.#diagnosis = this.diagnose(error)
    })
    client.on('connect', () => {
      this.#connectedAtMs = performance.now()
    })
    client.on('ready', () => {
      this.#neverConnected = false
      this.#readyAtMs = performance.now()
      this.#diagnosis = undefined
    })
  }

  /** In RESP2 there may be no greeting to close on: a connection that is lost right after it counts as well. */
  #considerProtocol(nowMs: number): void {
    if (this.#connectedAtMs === undefined) return
    const isGreeting = this.#readyAtMs === undefined || this.#protocol === 2
    const isSilent =
      isGreeting && this.#diagnosis === undefined && nowMs - this.#connectedAtMs <= silentCloseWithinMs
    this.#silentCloses = isSilent ? this.#silentCloses + 1 : 0
    if (this.#silentCloses < silentClosesUntilOtherProtocol) return
    this.#silentCloses = 0
    this.#protocol = this.#protocol === 3 ? 2 : 3
    if (this.#client !== undefined) setClientOption(this.#client, 'protocol', this.#protocol)
  }
}
