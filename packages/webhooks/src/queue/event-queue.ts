import type { EventKey } from '../event-key.js'
import type { DeadLetters } from './dead-letters.js'

/** An event as it waits to be handled. */
export interface QueuedEvent extends EventKey {
  readonly topic: string
  /** The payload as JSON text. */
  readonly body: string
  readonly fingerprint: string
  /** When it was accepted, in ms since 1970, by the clock of Redis where it is known. */
  readonly receivedAtMs: number
}

/** One run of a handler. */
export interface Attempt {
  /** 1 for the first; a run that was cut off does not count. */
  readonly number: number
  /** If it fails the event becomes a dead letter. */
  readonly last: boolean
  /** An earlier run of the same attempt was cut off: what it did is done, and unknown here. */
  readonly repeated: boolean
  /** Aborted when the run is in vain: the app closes, or another worker has taken the event over. */
  readonly signal: AbortSignal
}

/** Handles an event; rejects when it should be tried again. */
export type RunEvent = (event: QueuedEvent, attempt: Attempt) => Promise<void>

/** How many events there are of each kind. */
export interface QueueNumbers {
  /** Ready to be handled. */
  readonly waiting: number
  readonly active: number
  /** Failed, and waiting to be tried again. */
  readonly delayed: number
  /** Failed for good, and kept. */
  readonly deadLetters: number
  /** Age of the one that has waited longest, in seconds; 0 when none waits. */
  readonly oldestWaitingSeconds: number
}

/** Told of each failure of a handler. */
export type OnFailure = (
  event: QueuedEvent,
  error: Error,
  failure: { readonly attempt: number; readonly final: boolean },
) => void

/** What of a logger is used here. */
export interface QueueLogger {
  debug(details: object, message: string): void
  warn(details: object, message: string): void
}

/**
 * Keeps events until they were handled.
 *
 * ```
 *   add ──► waiting ──► active ── handled ──► gone
 *              ▲          │ │
 *              │          │ └── failed for the last time ──► dead letter ── discard ──► gone
 *              ├─ delayed ┘ failed                                │
 *              └──────────────────────────── replay ──────────────┘
 * ```
 */
export interface EventQueue {
  readonly deadLetters: DeadLetters
  /** Resolves once the event is kept. The same event twice is one event, as long as it is kept. */
  add(event: QueuedEvent): Promise<void>
  /** Handles events from now on. */
  process(run: RunEvent): void
  numbers(): Promise<QueueNumbers>
  /**
   * Waits for running handlers, then interrupts them.
   *
   * @returns How many events were interrupted or are lost.
   */
  close(withinMs: number): Promise<number>
}
