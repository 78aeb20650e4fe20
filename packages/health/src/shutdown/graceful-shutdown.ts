import type { FastifyBaseLogger } from 'fastify'
import { setTimeout as delay } from 'node:timers/promises'
import { HealthOptionError } from '../errors.js'
import { drainDelayRule, type CheckedOptions } from '../options.js'
import type { ConnectionDrain } from './connection-drain.js'

/** What is shut down. */
export interface ShutdownParts {
  readonly options: Pick<CheckedOptions, 'drainDelayMs' | 'requestsWithinMs'>
  readonly drain: ConnectionDrain
  readonly log: FastifyBaseLogger
  /** Makes readiness answer 503. */
  readonly notReady: () => void
  /** Closes the app: what its plugins do on close runs in the reverse order of their registration. */
  readonly close: () => Promise<void>
}

/** A connection that was accepted just before is given so long to send its request. */
const lingerMs = 250

/**
 * Ends an app in the order in which nobody is hurt:
 *
 * ```
 *   readiness 503 ── delay: answers on, `Connection: close` ── no new connections ── app.close():
 *       requests under way end, idle connections closed ── workers ── buffered writes ── Redis
 * ```
 *
 * Fastify answers 503 to every request from the moment `app.close()` is called, so that it is called last.
 */
export class GracefulShutdown {
  readonly #parts: ShutdownParts
  #running: Promise<void> | undefined

  constructor(parts: ShutdownParts) {
    this.#parts = parts
  }

  /**
   * Asked twice it is done once.
   *
   * @throws STAY_HEALTH_OPTION_INVALID for a delay that is none. Nothing is begun then.
   */
  async run(drainDelayMs: number = this.#parts.options.drainDelayMs): Promise<void> {
    if (!drainDelayRule.accepts(drainDelayMs)) {
      throw new HealthOptionError(`The shutdown takes drainDelayMs: ${drainDelayRule.wants}.`)
    }
    this.#running ??= this.#run(drainDelayMs)
    await this.#running
  }

  /** What any close of the app begins with, whoever asked for it. */
  closing(): void {
    const { drain, notReady, options } = this.#parts
    notReady()
    drain.start()
    drain.closeConnections(options.requestsWithinMs)
  }

  async #run(drainDelayMs: number): Promise<void> {
    const { drain, log, notReady, close } = this.#parts
    notReady()
    drain.start()
    if (drain.listening) {
      log.info(`health: shutting down; not ready any more, answering for ${drainDelayMs} ms`)
      await delay(drainDelayMs)
      drain.stopListening()
      await delay(Math.min(lingerMs, drainDelayMs))
    }
    await close()
  }
}
