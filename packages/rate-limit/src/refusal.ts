import { format } from '@lukeed/ms'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Applied } from './applied-limit.js'
import { rateLimitExceeded } from './errors.js'

/** RFC 9457; the type is from draft-ietf-httpapi-ratelimit-headers. */
export interface LimitProblem {
  readonly type: 'https://iana.org/assignments/http-problem-types#quota-exceeded'
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: string
  /** Names of the policies that refused. */
  readonly 'violated-policies': readonly string[]
}

/** What a refused client gets: an error to throw, or a problem to send. */
export type Refusal =
  | { readonly kind: 'error'; readonly error: object }
  | { readonly kind: 'problem'; readonly status: number; readonly problem: LimitProblem }

/** Tells the app of a refusal and makes what the client gets. */
export function createRefusal(
  request: FastifyRequest,
  applied: readonly Applied[],
  tight: Applied,
  problemJson: boolean,
): Refusal {
  const { policy, ask, verdict } = tight
  const { onExceeded, onBanReach, errorResponseBuilder } = policy.options
  const { key } = ask.id
  const banned = policy.ban >= 0 && verdict.refusals > policy.ban
  onExceeded?.(request, key)
  if (banned) onBanReach?.(request, key)
  const after = format(Math.max(1, Math.ceil(verdict.retryMs / 1000)) * 1000, true)
  const status = banned ? 403 : 429
  if (errorResponseBuilder !== undefined) {
    const context = {
      statusCode: status,
      ban: banned,
      after,
      max: ask.limit.max,
      ttl: Math.ceil(verdict.retryMs),
    }
    return { kind: 'error', error: errorResponseBuilder(request, context) }
  }
  const error = rateLimitExceeded(policy.name, after, banned)
  if (!problemJson) return { kind: 'error', error }
  const violated = applied.filter((each) => !each.verdict.allowed).map((each) => each.policy.name)
  return {
    kind: 'problem',
    status,
    problem: {
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Rate limit exceeded',
      status,
      detail: error.message,
      code: error.code,
      'violated-policies': violated,
    },
  }
}

/** Tells the app of a request that was let through. */
export function tellAdmitted(request: FastifyRequest, applied: readonly Applied[]): void {
  for (const { policy, ask } of applied) policy.options.onExceeding?.(request, ask.id.key)
}

/** Sends a problem as such. */
export function sendProblem(reply: FastifyReply, status: number, problem: LimitProblem): void {
  void reply
    .code(status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .send(JSON.stringify(problem))
}
