import type { FastifyReply, FastifyRequest } from 'fastify'
import { appliedLimits, tightest, type Applied } from './applied-limit.js'
import type { WriteHeaders } from './limit-headers.js'
import type { Limiter } from './limiter.js'
import { askOf, type Policy } from './policy.js'
import { createRefusal, sendProblem, tellAdmitted } from './refusal.js'
import type { Ask, Verdict } from './verdict.js'

/** Goes on with the request, or ends it with what was thrown. */
type Done = (thrown?: unknown) => void

/** Options of {@link RequestCheck}. */
export interface RequestCheckOptions {
  /** Known when the app is ready. */
  readonly limiter: () => Limiter
  readonly writeHeaders: WriteHeaders
  readonly problemJson: boolean
}

interface Question {
  readonly policy: Policy
  readonly ask: Ask
}

/**
 * Counts a request by its policies, and answers it where one of them refuses.
 *
 * Several policies are asked at the same time. When one refuses, others may have counted the request; but
 * none is asked while a refusal is known here, so that this happens once for each refusal of Redis.
 */
export class RequestCheck {
  readonly #options: RequestCheckOptions

  constructor(options: RequestCheckOptions) {
    this.#options = options
  }

  run(policies: readonly Policy[], request: FastifyRequest, reply: FastifyReply, done: Done): void {
    try {
      const questions: Question[] = []
      let later: Promise<void>[] | undefined
      for (const policy of policies) {
        const ask = askOf(policy, request)
        if (ask instanceof Promise) {
          later ??= []
          later.push(
            ask.then((resolved) => {
              if (resolved !== undefined) questions.push({ policy, ask: resolved })
            }),
          )
        } else if (ask !== undefined) questions.push({ policy, ask })
      }
      if (later === undefined) this.#decide(questions, request, reply, done)
      else {
        Promise.all(later).then(() => {
          this.#decide(questions, request, reply, done)
        }, done)
      }
    } catch (error) {
      done(error)
    }
  }

  #decide(questions: readonly Question[], request: FastifyRequest, reply: FastifyReply, done: Done): void {
    const limiter = this.#options.limiter()
    const verdicts: (Verdict | undefined)[] = []
    let open = 0
    let refused = false
    for (const { ask } of questions) {
      const verdict = limiter.known(ask)
      verdicts.push(verdict)
      if (verdict === undefined) open += 1
      else refused ||= !verdict.allowed
    }
    if (refused || open === 0) {
      this.#finish(questions, verdicts, request, reply, done)
      return
    }
    let failed: Error | undefined
    for (const [index, { ask }] of questions.entries()) {
      if (verdicts[index] !== undefined) continue
      limiter.ask(ask, (error, verdict) => {
        verdicts[index] = verdict
        failed ??= error
        open -= 1
        if (open > 0) return
        if (failed === undefined) this.#finish(questions, verdicts, request, reply, done)
        else done(failed)
      })
    }
  }

  #finish(
    questions: readonly Question[],
    verdicts: readonly (Verdict | undefined)[],
    request: FastifyRequest,
    reply: FastifyReply,
    done: Done,
  ): void {
    try {
      const applied: Applied[] = []
      for (const [index, { policy, ask }] of questions.entries()) {
        const verdict = verdicts[index]
        if (verdict !== undefined) applied.push({ policy, ask, verdict })
      }
      const before = request[appliedLimits]
      const all = before === null ? applied : [...before, ...applied]
      request[appliedLimits] = all
      this.#options.writeHeaders(reply, all)
      const tight = tightest(applied)
      if (tight === undefined || tight.verdict.allowed) {
        tellAdmitted(request, applied)
        done()
        return
      }
      const refusal = createRefusal(request, applied, tight, this.#options.problemJson)
      if (refusal.kind === 'error') done(refusal.error)
      else sendProblem(reply, refusal.status, refusal.problem)
    } catch (error) {
      done(error)
    }
  }
}
