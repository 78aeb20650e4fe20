import { capacity } from './algorithms/limit.js'
import type { DeniedKeys } from './denied-keys.js'
import { admitted, refused, type Ask, type Counters, type Settle, type Verdict } from './verdict.js'

/** 2 to the power of more is longer than any client lives. */
const mostDoublings = 30

/**
 * Decides without asking anybody where the answer is known: a key that was refused is refused until it
 * may be admitted again, and what costs more than there ever is never gets in.
 */
export class Limiter implements Counters {
  readonly #counters: Counters
  readonly #denied: DeniedKeys

  constructor(counters: Counters, denied: DeniedKeys) {
    this.#counters = counters
    this.#denied = denied
  }

  /** The verdict when nobody needs to be asked, or undefined. */
  known(ask: Ask): Verdict | undefined {
    const { limit, cost } = ask
    if (cost > capacity(limit)) return this.#refuseForGood(ask)
    if (limit.max === 0) return admitted(0, 0, 'memory')
    const verdict = this.#denied.find(ask)
    return verdict === undefined || ask.penalty === 'none' ? verdict : this.#punish(ask, verdict)
  }

  decide(ask: Ask, settle: Settle): void {
    const known = this.known(ask)
    if (known === undefined) this.ask(ask, settle)
    else settle(undefined, known)
  }

  /** Decides what {@link known} does not know. */
  ask(ask: Ask, settle: Settle): void {
    this.#counters.decide(ask, (error, verdict) => {
      settle(error, verdict === undefined ? undefined : this.#learn(ask, verdict))
    })
  }

  /** There never is so much; but how often that was asked for counts as well. */
  #refuseForGood(ask: Ask): Verdict {
    const verdict = refused(0, ask.limit.windowUs, 'memory')
    return { ...verdict, refusals: this.#denied.remember(ask, verdict) }
  }

  #learn(ask: Ask, verdict: Verdict): Verdict {
    if (verdict.allowed) {
      if (ask.cost > 0) this.#denied.forget(ask)
      return verdict
    }
    // A refusal for want of Redis ends with the outage.
    if (verdict.by === 'local') return verdict
    const refusals = this.#denied.remember(ask, verdict)
    return ask.penalty === 'none' ? { ...verdict, refusals } : this.#punish(ask, { ...verdict, refusals })
  }

  #punish(ask: Ask, verdict: Verdict): Verdict {
    const windowMs = ask.limit.windowUs / 1000
    const doublings = ask.penalty === 'backoff' ? Math.min(verdict.refusals - 1, mostDoublings) : 0
    const retryMs = Math.max(verdict.retryMs, windowMs * 2 ** doublings)
    this.#denied.extend(ask.name, retryMs)
    return { ...verdict, retryMs, resetMs: retryMs }
  }
}
