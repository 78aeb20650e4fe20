import { Keyspace, RedisMisuseError, type RedisLink } from '@stayfast/redis-kit'
import type { Algorithm, Decision, Limit, Run, Usage } from '../algorithms/limit.js'
import { countsBy, type CounterId, type LimitStore } from './limit-store.js'
import { limitScripts, type LimitScripts } from './limit-scripts.js'
import { questionArgs, readDecisions, type Question } from './questions.js'

/** Text that stands in a key as it is, whatever else {@link Keyspace} has to escape. */
const plain = /^[\w.-]{1,200}$/

/** Counters in Redis: one key each, at most one command for each decision. */
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
  async decide(id: CounterId, limit: Limit, runs: readonly Run[]): Promise<Decision> {
    const [decision] = await this.decideAll([{ id, limit, runs }])
    if (decision === undefined || decision instanceof Error) throw decision ?? new TypeError('no decision')
    return decision
  }

  /**
   * Decides on several counters of one algorithm in one command. On a Cluster it may be one only.
   *
   * @returns For each its decision, or the error of a counter that cannot be used.
   * @throws What {@link RedisLink.run} throws.
   */
  async decideAll(questions: readonly Question[]): Promise<readonly (Decision | Error)[]> {
    const algorithm = questions[0]?.limit.algorithm ?? 'sliding-window'
    const { decide, limitArgs } = this.#scripts[algorithm]
    const keys = this.#keysOf(questions)
    const args = questionArgs(questions, limitArgs)
    const reply = await this.#link.run((redis) => decide.run(redis, keys, args))
    return readDecisions(questions, reply).map((decision, index) =>
      typeof decision === 'string' ? this.#unusable(keys[index] ?? '', decision) : decision,
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

  #unusable(key: string, text: string): Error {
    const cause = new Error(text)
    return new RedisMisuseError(
      `The key ${key} holds something else than a counter: find out who wrote it, then delete it or set nameSpace.`,
      { cause },
    )
  }

  /** What neighbours have in common is built once. */
  #keysOf(questions: readonly Question[]): string[] {
    let before: Question | undefined
    let beginning = ''
    return questions.map((question) => {
      const { id, limit } = question
      if (before === undefined || before.id.policy !== id.policy || before.limit !== limit) {
        beginning = this.#key({ policy: id.policy, key: '' }, limit)
      }
      before = question
      return plain.test(id.key) ? beginning + id.key : this.#key(id, limit)
    })
  }

  #key({ policy, key }: CounterId, limit: Limit): string {
    return this.#keys.key('rate', policy, countsBy(limit), key)
  }
}
