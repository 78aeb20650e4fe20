import { randomBytes } from 'node:crypto'
import { isRedisRefused, isRedisUnavailable } from '@stayfast/redis-kit'
import { LRUCache } from 'lru-cache'
import { newUsage } from './algorithms/counters.js'
import type { Limit, Usage } from './algorithms/limit.js'
import type { CounterId } from './stores/limit-store.js'
import type { Ask } from './verdict.js'

/** Charges that are on their way at the same time. */
const chargesAtOnce = 50

/** What became of a counter's usage, and under which id: once sent, nothing is added to it any more. */
interface Charge {
  readonly id: CounterId
  readonly limit: Limit
  readonly chargeId: string
  readonly usage: Usage
  sent: boolean
}

/** Sends one charge; idempotent by its id. */
export type SendCharge = (id: CounterId, limit: Limit, chargeId: string, usage: Usage) => Promise<unknown>

/**
 * What this process admitted while Redis was away, until Redis knows of it: nobody gets a fresh window by
 * an outage. A charge whose answer was lost is sent again under its id, and counts once.
 */
export class ChargeBack {
  readonly #send: SendCharge
  readonly #nowUs: () => number
  readonly #charges: LRUCache<string, Charge[]>
  readonly #process = randomBytes(6).toString('base64url')
  readonly #settling = new Map<string, Promise<void>>()
  #sequence = 0

  /** @param maxCounters - Beyond it the usage of the key that was longest quiet is forgotten. */
  constructor(options: { send: SendCharge; nowUs: () => number; maxCounters: number }) {
    this.#send = options.send
    this.#nowUs = options.nowUs
    this.#charges = new LRUCache({ max: options.maxCounters })
  }

  /** Counters with usage that Redis does not know. */
  get size(): number {
    return this.#charges.size
  }

  /** Notes what was admitted; `limit` is that of the fleet, not this process's share of it. */
  note({ id, name, limit, cost }: Ask): void {
    if (cost === 0) return
    const charges = this.#charges.get(name) ?? []
    let open = charges.find(({ sent }) => !sent)
    if (open === undefined) {
      this.#sequence += 1
      const chargeId = `${this.#process}.${this.#sequence}`
      open = { id, limit, chargeId, usage: newUsage(limit.algorithm), sent: false }
      charges.push(open)
      this.#charges.set(name, charges)
    }
    open.usage.add(this.#nowUs(), limit, cost)
  }

  /**
   * Charges a counter before Redis decides on it; undefined when there is nothing to charge.
   *
   * @throws When Redis cannot be asked: the charge is kept.
   */
  settle(name: string): Promise<void> | undefined {
    const charges = this.#charges.peek(name)
    if (charges === undefined) return undefined
    let settling = this.#settling.get(name)
    if (settling === undefined) {
      settling = this.#settle(name, charges).finally(() => this.#settling.delete(name))
      this.#settling.set(name, settling)
    }
    return settling
  }

  /** Charges all counters; stops at the first that Redis does not take. */
  async settleAll(): Promise<void> {
    const names = [...this.#charges.keys()]
    const worker = async (): Promise<void> => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) await this.settle(name)
    }
    try {
      await Promise.all(Array.from({ length: chargesAtOnce }, worker))
    } finally {
      names.length = 0
    }
  }

  async #settle(name: string, charges: Charge[]): Promise<void> {
    for (let charge = charges[0]; charge !== undefined; charge = charges[0]) {
      if (charge.usage.endsAtUs > this.#nowUs()) {
        charge.sent = true
        await this.#send(charge.id, charge.limit, charge.chargeId, charge.usage).catch((error: unknown) => {
          // What Redis can make no sense of would stand in the way of its counter for ever.
          if (isRedisUnavailable(error) || isRedisRefused(error)) throw error
        })
      }
      charges.shift()
    }
    this.#charges.delete(name)
  }
}
