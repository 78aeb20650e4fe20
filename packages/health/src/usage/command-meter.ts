import type { RedisLink } from '@stayfast/redis-kit'
import { performance } from 'node:perf_hooks'
import { onCommandSent } from './command-feed.js'
import { UsageMeter, type Usage } from './usage-meter.js'

/**
 * Counts the commands of all clients of this process. Where a client does not publish what it sends
 * (ioredis 5, iovalkey), the work of the links stands in: fewer than there were, never more.
 */
export class CommandMeter {
  readonly #meter: UsageMeter
  readonly #links: readonly RedisLink[]
  readonly #end: () => void
  readonly #workBefore: number
  #counted = 0

  constructor(budget: number | undefined, links: readonly RedisLink[]) {
    this.#meter = new UsageMeter(budget, () => performance.now())
    this.#links = links
    this.#workBefore = this.#work()
    this.#end = onCommandSent(() => {
      this.#counted += 1
      this.#meter.add(1)
    })
  }

  get usage(): Usage {
    const unheard = this.#work() - this.#workBefore - this.#counted
    if (unheard > 0) {
      this.#counted += unheard
      this.#meter.add(unheard)
    }
    return this.#meter.usage
  }

  stop(): void {
    this.#end()
  }

  #work(): number {
    // Roles that share a connection have its counters in common.
    const counters = new Map(this.#links.map(({ counters }) => [JSON.stringify(counters), counters]))
    return [...counters.values()].reduce((sum, { answered, missed }) => sum + answered + missed, 0)
  }
}
