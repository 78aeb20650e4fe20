/** How often and when a failed event is tried again. */
export interface RetryRules {
  /** Runs of the handler before the event becomes a dead letter. */
  readonly attempts: number
  /** Milliseconds before the second attempt; each further pause is twice as long, up to a day. */
  readonly backoffDelayMs: number
}

/** Which part of a pause is left to chance, so that events that failed together do not come back together. */
const backoffJitter = 0.5
/** What BullMQ calls the rule of {@link backoffMs}; its own one has no ceiling. */
export const backoffType = 'exponential-up-to-a-day'

/** No pause is longer: what doubles each time would soon be more than timers and BullMQ can count, and be none. */
const longestPauseMs = 86_400_000

/** The pause after so many attempts: exponential, with jitter, at most a day. */
export function backoffMs(attemptsMade: number, backoffDelayMs: number): number {
  const longest = Math.min(backoffDelayMs * 2 ** (attemptsMade - 1), longestPauseMs)
  return Math.floor(longest * (1 - backoffJitter) + Math.random() * longest * backoffJitter)
}

/** An error can say that another attempt makes no sense: `canRetry: false`. */
export function mayRetry(error: unknown): boolean {
  return !(error instanceof Error && 'canRetry' in error && error.canRetry === false)
}
