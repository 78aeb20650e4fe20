/** How often and when a failed event is tried again. */
export interface RetryRules {
  /** Runs of the handler before the event becomes a dead letter. */
  readonly attempts: number
  /** Milliseconds before the second attempt; each further pause is twice as long. */
  readonly backoffDelayMs: number
}

/** Which part of a pause is left to chance, so that events that failed together do not come back together. */
export const backoffJitter = 0.5

/** The pause after so many attempts: exponential, with jitter. The same rule as BullMQ's. */
export function backoffMs(attemptsMade: number, backoffDelayMs: number): number {
  const longest = backoffDelayMs * 2 ** (attemptsMade - 1)
  return Math.floor(longest * (1 - backoffJitter) + Math.random() * longest * backoffJitter)
}

/** An error can say that another attempt makes no sense: `canRetry: false`. */
export function mayRetry(error: unknown): boolean {
  return !(error instanceof Error && 'canRetry' in error && error.canRetry === false)
}
