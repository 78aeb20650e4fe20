import type { Policy } from './policy.js'
import type { Ask, Verdict } from './verdict.js'

/** A policy that a request was counted by. */
export interface Applied {
  readonly policy: Policy
  readonly ask: Ask
  readonly verdict: Verdict
}

/** Where a request keeps what it was counted by. */
export const appliedLimits: unique symbol = Symbol('stayfast.rate-limit.applied')

/** What a handler can learn of a limit that its request was counted by. */
export interface AppliedLimit {
  /** Name of the policy. */
  readonly policy: string
  readonly key: string
  readonly max: number
  readonly windowMs: number
  readonly allowed: boolean
  readonly remaining: number
  /** After this time without a request everything is available again. */
  readonly resetMs: number
  /** Redis; the memory of this process, where there is none (`'memory'`) or while it is away (`'local'`); nobody. */
  readonly by: Verdict['by']
}

/** What the public sees of it. */
export function publicLimit({ policy, ask, verdict }: Applied): AppliedLimit {
  const { allowed, remaining, resetMs, by } = verdict
  return {
    policy: policy.name,
    key: ask.id.key,
    max: ask.limit.max,
    windowMs: ask.limit.windowUs / 1000,
    allowed,
    remaining,
    resetMs,
    by,
  }
}

function tighter(one: Applied, other: Applied): boolean {
  if (one.verdict.allowed !== other.verdict.allowed) return !one.verdict.allowed
  if (!one.verdict.allowed) return one.verdict.retryMs > other.verdict.retryMs
  return one.verdict.remaining < other.verdict.remaining
}

/** Of several limits the one that a client has to mind: what refuses longest, else what has least left. */
export function tightest(applied: readonly Applied[]): Applied | undefined {
  let found: Applied | undefined
  for (const each of applied) {
    if (each.verdict.by !== 'nobody' && (found === undefined || tighter(each, found))) found = each
  }
  return found
}
