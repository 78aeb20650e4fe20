/**
 * The states of a link:
 *
 * ```
 *   connecting ── prepared and answering ──► up ◄── TIME answered ── suspect
 *       │                                    │ │                       ▲ │
 *       │ attempt failed                     │ └── deadline missed ────┘ │
 *       │                                    │                           │ TIME unanswered too:
 *       ▼                                    │ connection lost           │ the socket is given up
 *     down ◄─────────────────────────────────┴───────────────────────────┘
 *       │
 *       └── connected again, prepared and answering ──► up
 *
 *   off: no Redis is configured; it never changes.       any ── close() ──► closed
 * ```
 *
 * Only `up` lets work through; every other state refuses at once, so that a request never adds up
 * deadlines. `sinceMs` is monotonic time (`performance.now()`).
 */
export type LinkState =
  | { readonly status: 'off' }
  | { readonly status: 'connecting'; readonly sinceMs: number }
  | { readonly status: 'up'; readonly sinceMs: number }
  | { readonly status: 'suspect'; readonly sinceMs: number; readonly cause: Error }
  | { readonly status: 'down'; readonly sinceMs: number; readonly cause: Error }
  | { readonly status: 'closed' }

/** The name of a {@link LinkState}. */
export type LinkStatus = LinkState['status']

/** Called after each change of state, in order, with the state before it. */
export type StateListener = (state: LinkState, previous: LinkState) => void
