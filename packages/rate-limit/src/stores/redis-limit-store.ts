import { Keyspace, type RedisLink } from '@stayfast/redis-kit'
import type { Algorithm, Decision, Limit, Run, Usage } from '../algorithms/limit.js'
import { countsBy, type CounterId, type LimitStore } from './limit-store.js'
import { limitScripts, runArgs, type LimitScripts } from './limit-scripts.js'

/** Counters in Redis: one key each, one command for each decision. */
export class RedisLimitStore implements LimitStore {
  readonly #link: RedisLink
  readonly #keys: Keyspace
  readonly #scripts: Readonly<Record<Algorithm, LimitScripts>>

  constructor(
    link: RedisLink,
    keyPrefix = '',
    scripts: Readonly<Record<Algorithm, LimitScripts>> = limitScripts(),
  ) {
    this.#link = link
    this.#keys = new Keyspace(() => `${link.keyPrefix}${keyPrefix}`)
    this.#scripts = scripts
  }

  /** @throws What {@link RedisLink.run} throws. */
  decide(id: CounterId, limit: Limit, runs: readonly Run[]): Promise<Decision> {
    const { decide, decideArgs } = this.#scripts[limit.algorithm]
    return this.#link.run((redis) =>
      decide.run(redis, [this.#key(id, limit)], [...decideArgs(limit), ...runArgs(runs)]),
    )
  }

  /**
   * Adds to a counter what was admitted without Redis. Sent again under the same id, it changes nothing.
   *
   * @returns Whether it counted now; not when it had before, or is too old to count.
   * @throws What {@link RedisLink.run} throws.
   */
  charge(id: CounterId, limit: Limit, chargeId: string, usage: Usage): Promise<boolean> {
    const { charge, chargeArgs } = this.#scripts[limit.algorithm]
    return this.#link.run((redis) =>
      charge.run(redis, [this.#key(id, limit)], [...chargeArgs(limit), chargeId, ...usage.toCharge()]),
    )
  }

  #key({ policy, key }: CounterId, limit: Limit): string {
    return this.#keys.key('rate', policy, countsBy(limit), key)
  }
}
