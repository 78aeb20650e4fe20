import { bucketUs, countedBuckets } from '../dist/algorithms/sliding-window.js'
import type { Algorithm, Decision, Limit, Run, RunDecision } from '../dist/algorithms/limit.js'

/** Decides one request after the other by the definition of the algorithm, as slowly as it likes. */
export abstract class ReferenceModel {
  readonly limit: Limit
  /** Everything that was admitted. */
  readonly log: { readonly atUs: number; readonly cost: number }[] = []

  constructor(limit: Limit) {
    this.limit = limit
  }

  abstract available(nowUs: number): number
  /** When a request may be admitted if nothing else comes. */
  abstract admissibleUs(nowUs: number, cost: number): number
  abstract resetUs(nowUs: number): number

  decide(nowUs: number, runs: readonly Run[]): Decision {
    const available = this.available(nowUs)
    const admitted = runs.map(({ cost, count }) => {
      let fitting = 0
      for (let i = 0; i < count; i += 1) {
        if (cost > 0 && this.available(nowUs) < cost) break
        if (cost > 0) this.log.push({ atUs: nowUs, cost })
        fitting += 1
      }
      return fitting
    })
    const decided: RunDecision[] = runs.map(({ cost, count }, index) => ({
      admitted: admitted[index] ?? 0,
      retryUs: admitted[index] === count ? 0 : Math.ceil(this.admissibleUs(nowUs, cost)),
    }))
    return { available, resetUs: Math.ceil(this.resetUs(nowUs)), runs: decided }
  }
}

class SlidingWindowModel extends ReferenceModel {
  #bucket(us: number): number {
    return Math.floor(us / bucketUs(this.limit))
  }

  #used(bucket: number): number {
    const counted = this.log.filter(({ atUs }) => this.#bucket(atUs) > bucket - countedBuckets)
    return counted.reduce((sum, { cost }) => sum + cost, 0)
  }

  available(nowUs: number): number {
    return this.limit.max - this.#used(this.#bucket(nowUs))
  }

  admissibleUs(nowUs: number, cost: number): number {
    let bucket = this.#bucket(nowUs)
    while (this.limit.max - this.#used(bucket) < cost) bucket += 1
    return bucket * bucketUs(this.limit) - nowUs
  }

  resetUs(nowUs: number): number {
    const bucket = this.#bucket(nowUs)
    // By the present bucket, not by that of the last request: one number is enough to keep.
    return this.#used(bucket) === 0 ? 0 : (bucket + countedBuckets) * bucketUs(this.limit) - nowUs
  }
}

/** As a token bucket, in whole half microseconds. */
class TokenBucketModel extends ReferenceModel {
  get #unit(): number {
    return Math.ceil((this.limit.windowUs * 2) / this.limit.max)
  }

  #credit(nowUs: number): number {
    const full = this.limit.burst * this.#unit
    let credit = full
    let beforeUs = 0
    for (const { atUs, cost } of this.log) {
      credit = Math.min(full, credit + (atUs - beforeUs) * 2) - cost * this.#unit
      beforeUs = atUs
    }
    return Math.min(full, credit + (nowUs - beforeUs) * 2)
  }

  available(nowUs: number): number {
    return Math.floor(this.#credit(nowUs) / this.#unit)
  }

  admissibleUs(nowUs: number, cost: number): number {
    return (cost * this.#unit - this.#credit(nowUs)) / 2
  }

  resetUs(nowUs: number): number {
    return (this.limit.burst * this.#unit - this.#credit(nowUs)) / 2
  }
}

class FixedWindowModel extends ReferenceModel {
  #used(nowUs: number): number {
    const window = Math.floor(nowUs / this.limit.windowUs)
    const inside = this.log.filter(({ atUs }) => Math.floor(atUs / this.limit.windowUs) === window)
    return inside.reduce((sum, { cost }) => sum + cost, 0)
  }

  available(nowUs: number): number {
    return this.limit.max - this.#used(nowUs)
  }

  admissibleUs(nowUs: number): number {
    return this.limit.windowUs - (nowUs % this.limit.windowUs)
  }

  resetUs(nowUs: number): number {
    return this.#used(nowUs) === 0 ? 0 : this.admissibleUs(nowUs)
  }
}

export function referenceModel(limit: Limit): ReferenceModel {
  const models: Record<Algorithm, new (limit: Limit) => ReferenceModel> = {
    'sliding-window': SlidingWindowModel,
    gcra: TokenBucketModel,
    'fixed-window': FixedWindowModel,
  }
  return new models[limit.algorithm](limit)
}

/** The most units that were admitted in any span of that length, both ends included. */
export function mostWithin(
  log: readonly { readonly atUs: number; readonly cost: number }[],
  spanUs: number,
): number {
  let most = 0
  for (const { atUs: endUs } of log) {
    const inside = log.filter(({ atUs }) => atUs <= endUs && atUs >= endUs - spanUs)
    most = Math.max(
      most,
      inside.reduce((sum, { cost }) => sum + cost, 0),
    )
  }
  return most
}
