import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Applied } from './applied-limit.js'
import { banned, createRefusalError, exceeded, RateLimitValueError } from './errors.js'
import { asItIs, inWords, PreparedRefusals } from './prepared-refusals.js'

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

function sendProblem(reply: FastifyReply, status: number, problem: LimitProblem): void {
  void reply
    .code(status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .serializer(asItIs)
    .send(JSON.stringify(problem))
}

/** What refused clients get. */
export class Refusals {
  readonly #problemJson: boolean
  readonly #prepared = new PreparedRefusals()

  constructor(problemJson: boolean) {
    this.#problemJson = problemJson
  }

  /**
   * Tells the app of a refusal, and answers the client.
   *
   * @param throws - The caller wants the error, whoever would answer it.
   * @returns What is to be thrown where the client was not answered.
   * @throws What functions of the app throw, and STAY_RATE_VALUE_INVALID.
   */
  refuse(
    request: FastifyRequest,
    reply: FastifyReply,
    applied: readonly Applied[],
    tight: Applied,
    throws: boolean,
  ): object | undefined {
    const { policy, ask, verdict } = tight
    const { onExceeded, onBanReach, errorResponseBuilder } = policy.options
    const { key } = ask.id
    const ban = policy.ban >= 0 && verdict.refusals > policy.ban
    tellApp(onExceeded, request, key)
    if (ban) tellApp(onBanReach, request, key)
    const kind = ban ? banned : exceeded
    const seconds = Math.ceil(verdict.retryMs / 1000)
    if (errorResponseBuilder !== undefined) {
      const made: unknown = errorResponseBuilder(request, {
        statusCode: kind.statusCode,
        ban,
        after: inWords(seconds),
        max: ask.limit.max,
        ttl: Math.ceil(verdict.retryMs),
      })
      if (typeof made === 'object' && made !== null && !('then' in made)) return made
      Promise.resolve(made).catch(() => undefined)
      throw new RateLimitValueError(
        `the errorResponseBuilder of the limit "${policy.name}" made no object at once`,
      )
    }
    if (this.#problemJson) {
      sendProblem(reply, kind.statusCode, {
        type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
        title: 'Rate limit exceeded',
        status: kind.statusCode,
        detail: `${kind.text} ${inWords(seconds)}`,
        code: kind.code,
        'violated-policies': applied.filter((each) => !each.verdict.allowed).map((each) => each.policy.name),
      })
      return undefined
    }
    if (!throws && this.#prepared.answer(request, reply, kind, seconds)) return undefined
    return createRefusalError(kind, policy.name, inWords(seconds))
  }
}

/** Tells the app of a request that was let through. */
export function tellAdmitted(request: FastifyRequest, applied: readonly Applied[]): void {
  for (const { policy, ask } of applied) tellApp(policy.options.onExceeding, request, ask.id.key)
}

/** Nothing waits for what is async in there; where it fails that is for the log, and not the end of the process. */
function tellApp(
  callback: ((request: FastifyRequest, key: string) => unknown) | undefined,
  request: FastifyRequest,
  key: string,
): void {
  const told = callback?.(request, key)
  if (told === undefined) return
  Promise.resolve(told).catch((err: unknown) => {
    request.log.error({ err }, 'rate-limit: a function of the app that was told of a request has failed.')
  })
}
