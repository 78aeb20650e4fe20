import type { FastifyReply, FastifyRequest } from 'fastify'
import { appliedLimits, tightest, type Applied } from './applied-limit.js'
import type { WriteHeaders } from './limit-headers.js'
import type { Limiter } from './limiter.js'
import { askOf, type Policy } from './policy.js'
import { tellAdmitted, type Refusals } from './refusal.js'
import type { Ask } from './verdict.js'

/** Goes on with the request, as hooks of Fastify do. */
type Done = () => void

/** What became of requests since the start of this process. */
export interface CheckCounts {
  admitted: number
  denied: number
  /** Of both, those that this process decided by itself because Redis was away. */
  local: number
}

/** Options of {@link RequestCheck}. */
export interface RequestCheckOptions {
  /** Known when the app is ready. */
  readonly limiter: () => Limiter
  readonly writeHeaders: WriteHeaders
  readonly refusals: Refusals
  readonly counts: CheckCounts
  /** Refusals are thrown, whoever would answer them. */
  readonly throws?: boolean
}

interface Question {
  readonly policy: Policy
  readonly ask: Ask
}

/** What an errorResponseBuilder makes may be any object, and is sent as it is. */
function fail(done: Done, thrown: unknown): void {
  Reflect.apply(done, undefined, [thrown])
}

/** Nothing is left to reject unseen while another policy throws. */
function askOrReject(policy: Policy, request: FastifyRequest): Ask | undefined | Promise<Ask | undefined> {
  try {
    return askOf(policy, request)
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)))
  }
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
      const [policy] = policies
      if (policies.length !== 1 || policy === undefined) {
        this.#runAll(policies, request, reply, done)
        return
      }
      // Most requests have one policy that nothing has to be looked up for.
      const ask = askOf(policy, request)
      if (ask instanceof Promise) {
        ask
          .then((resolved) => {
            this.#decideOne(policy, resolved, request, reply, done)
          })
          .catch((error: unknown) => {
            fail(done, error)
          })
      } else this.#decideOne(policy, ask, request, reply, done)
    } catch (error) {
      fail(done, error)
    }
  }

  #runAll(policies: readonly Policy[], request: FastifyRequest, reply: FastifyReply, done: Done): void {
    const asks = policies.map((policy) => askOrReject(policy, request))
    const decide = (resolved: readonly (Ask | undefined)[]): void => {
      const questions: Question[] = []
      for (const [index, policy] of policies.entries()) {
        const ask = resolved[index]
        if (ask !== undefined) questions.push({ policy, ask })
      }
      this.#decideAll(questions, request, reply, done)
    }
    if (asks.every((ask): ask is Ask | undefined => !(ask instanceof Promise))) decide(asks)
    else {
      Promise.all(asks.map((ask) => Promise.resolve(ask)))
        .then(decide)
        .catch((error: unknown) => {
          fail(done, error)
        })
    }
  }

  #decideOne(
    policy: Policy,
    ask: Ask | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
    done: Done,
  ): void {
    if (ask === undefined) {
      this.#finish([], request, reply, done)
      return
    }
    const limiter = this.#options.limiter()
    const known = limiter.known(ask)
    if (known !== undefined) {
      this.#finish([{ policy, ask, verdict: known }], request, reply, done)
      return
    }
    limiter.ask(ask, (error, verdict) => {
      if (verdict === undefined) fail(done, error)
      else this.#finish([{ policy, ask, verdict }], request, reply, done)
    })
  }

  #decideAll(questions: readonly Question[], request: FastifyRequest, reply: FastifyReply, done: Done): void {
    const limiter = this.#options.limiter()
    const verdicts = questions.map(({ ask }) => limiter.known(ask))
    let open = verdicts.filter((verdict) => verdict === undefined).length
    const finish = (): void => {
      const applied: Applied[] = []
      for (const [index, { policy, ask }] of questions.entries()) {
        const verdict = verdicts[index]
        if (verdict !== undefined) applied.push({ policy, ask, verdict })
      }
      this.#finish(applied, request, reply, done)
    }
    if (open === 0 || verdicts.some((verdict) => verdict?.allowed === false)) {
      finish()
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
        if (failed === undefined) finish()
        else fail(done, failed)
      })
    }
  }

  #finish(applied: readonly Applied[], request: FastifyRequest, reply: FastifyReply, done: Done): void {
    const { writeHeaders, refusals, counts, throws = false } = this.#options
    try {
      const before = request[appliedLimits]
      const all = before === null ? applied : [...before, ...applied]
      request[appliedLimits] = all
      writeHeaders(reply, all)
      const tight = tightest(applied)
      if (tight?.verdict.by === 'local') counts.local += 1
      if (tight?.verdict.allowed === false) {
        counts.denied += 1
        const thrown = refusals.refuse(request, reply, applied, tight, throws)
        if (thrown !== undefined) fail(done, thrown)
        return
      }
      if (tight !== undefined) counts.admitted += 1
      tellAdmitted(request, applied)
    } catch (error) {
      fail(done, error)
      return
    }
    done()
  }
}
