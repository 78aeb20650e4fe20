import closeWithGrace from 'close-with-grace'
import type { FastifyBaseLogger } from 'fastify'
import type { CheckedOptions } from '../options.js'

/** What a signal sets off. */
export interface SignalHandlerParts {
  readonly signals: readonly ShutdownSignal[]
  readonly options: Pick<CheckedOptions, 'drainDelayMs' | 'requestsWithinMs' | 'closeWithinMs'>
  readonly log: FastifyBaseLogger
  readonly shutdown: (drainDelayMs: number | undefined) => Promise<void>
}

/** Signals after which an app can be shut down in order. */
export const shutdownSignals = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGILL',
  'SIGTRAP',
  'SIGABRT',
  'SIGBUS',
  'SIGFPE',
  'SIGSEGV',
  'SIGUSR2',
  'SIGTERM',
] as const

/** A signal after which an app can be shut down in order. */
export type ShutdownSignal = (typeof shutdownSignals)[number]

/** What close-with-grace would listen to as well. */
const otherEvents = ['uncaughtException', 'unhandledRejection', 'beforeExit'] as const

/**
 * Shuts down after a signal and ends the process: with 0 when all is done, with 1 when the time is over or
 * a second signal comes.
 *
 * @returns A function that takes the handlers away.
 */
export function handleSignals({ signals, options, log, shutdown }: SignalHandlerParts): () => void {
  const { drainDelayMs, requestsWithinMs, closeWithinMs } = options
  const wanted = new Set(signals)
  const { uninstall } = closeWithGrace(
    {
      delay: drainDelayMs + requestsWithinMs + closeWithinMs,
      skip: [...otherEvents, ...shutdownSignals.filter((signal) => !wanted.has(signal))],
      logger: log,
      onTimeout: (afterMs) => {
        log.error(`health: not closed after ${afterMs} ms; the process ends as it is`)
      },
    },
    async ({ signal }) => {
      log.info(`health: ${signal ?? 'a signal'} received`)
      // Whoever presses Ctrl-C has no load balancer that needs to be told.
      await shutdown(signal === 'SIGINT' ? 0 : undefined)
    },
  )
  return uninstall
}
