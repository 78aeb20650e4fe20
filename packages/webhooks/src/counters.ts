/** What a process has done since its start; numbers only grow. */
export interface WebhookCounters {
  /** Answered 202. */
  accepted: number
  /** Answered 200: accepted before. */
  duplicates: number
  /** Answered 422: accepted before with another content. */
  conflicts: number
  /** Answered 401. */
  unsigned: number
  /** Answered 503: somebody else was accepting the same event, or Redis did not take it. */
  deferred: number
  /** Handlers that ended well. */
  handled: number
  /** Handlers that failed. */
  failed: number
  /** Events that became dead letters. */
  deadLettered: number
  /** Runs of a handler for an event of which an earlier run had been cut off. */
  repeated: number
}

/** All of them at their start. */
export function newCounters(): WebhookCounters {
  return {
    accepted: 0,
    duplicates: 0,
    conflicts: 0,
    unsigned: 0,
    deferred: 0,
    handled: 0,
    failed: 0,
    deadLettered: 0,
    repeated: 0,
  }
}
