/** An event whose handler has failed for good. The payload stays in the queue. */
export interface DeadLetter {
  /** The idempotency token of the event. */
  readonly id: string
  readonly provider: string
  readonly topic: string
  readonly tenantId: string
  /** The sender's own id of the event. */
  readonly eventId: string
  readonly receivedAt: Date
  readonly failedAt: Date
  readonly attempts: number
  /** The message of the last error. */
  readonly reason: string
}

/** A page of a listing, the latest first; no cursor at the end, and only there. */
export interface DeadLetterPage {
  readonly items: readonly DeadLetter[]
  readonly cursor?: string
}

/** Which page of a listing. */
export interface DeadLetterListOptions {
  readonly cursor?: string | undefined
  /** At most so many, from 1 to 200; default 50. */
  readonly limit?: number | undefined
}

/** Events whose handlers have failed for good. They are kept until they are replayed or discarded. */
export interface DeadLetters {
  /** @throws STAY_WEBHOOK_PAGE_INVALID, STAY_WEBHOOK_UNAVAILABLE */
  list(options?: DeadLetterListOptions): Promise<DeadLetterPage>
  /**
   * Handles an event anew, with all its attempts.
   *
   * @returns False when there is no such dead letter.
   * @throws STAY_WEBHOOK_UNAVAILABLE
   */
  replay(id: string): Promise<boolean>
  /**
   * Drops an event for good.
   *
   * @returns False when there is no such dead letter.
   * @throws STAY_WEBHOOK_UNAVAILABLE
   */
  discard(id: string): Promise<boolean>
}
