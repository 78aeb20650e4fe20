import { performance } from 'node:perf_hooks'
import { isRedisRefused, isRedisUnavailable, type RedisLink } from '@stayfast/redis-kit'
import type { Algorithm, Decision, Limit } from './algorithms/limit.js'
import { ChargeBack } from './charge-back.js'
import { rateLimitUnavailable } from './errors.js'
import { LiveInstances } from './live-instances.js'
import { MemoryCounters } from './memory-counters.js'
import { MergedHits, type Batch } from './merged-hits.js'
import { OutageMode } from './outage-mode.js'
import { MemoryLimitStore } from './stores/memory-limit-store.js'
import { RedisLimitStore } from './stores/redis-limit-store.js'
import { notCounted, type Ask, type Counters, type Settle } from './verdict.js'

/** Options of {@link SharedCounters}. */
export interface SharedCountersOptions {
  readonly link: RedisLink
  readonly keyPrefix: string
  readonly maxCounters: number
  readonly returnAfterMs: number
  readonly instancesEveryMs: number
  readonly assumedInstances: number
  readonly retryAfterSeconds: number
  /** Told when a counter cannot be used at all. */
  readonly onMisuse: (error: unknown) => void
  /** Told when Redis does not count any more, and when it does again. */
  readonly onAway: (cause: Error | undefined) => void
  readonly onReturn: () => void
}

/** At the end of the process charges may take so long. */
const closeMs = 500

/** A script that decides on more of them would keep Redis from others for more than half a millisecond. */
const mostCountersPerCommand = 64

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown))
}

/** The part of a limit that one of so many processes may give out by itself. */
export function shareOf(limit: Limit, instances: number): Limit {
  const share = (units: number): number => Math.max(1, Math.floor(units / instances))
  return { ...limit, max: share(limit.max), burst: share(limit.burst) }
}

/** Monotonic, and close to what clocks on the wall say. */
export function processNowUs(): number {
  return Math.floor((performance.timeOrigin + performance.now()) * 1000)
}

/** Counts in Redis, together with all other processes; by itself while Redis is away. */
export class SharedCounters implements Counters {
  readonly instances: LiveInstances
  readonly #options: SharedCountersOptions
  readonly #store: RedisLimitStore
  readonly #countersPerCommand: number
  readonly #merged: MergedHits
  readonly #local: MemoryCounters
  readonly #charges: ChargeBack
  readonly #mode: OutageMode

  constructor(options: SharedCountersOptions) {
    const { link, keyPrefix, maxCounters } = options
    // Buckets and windows of an outage are to mean to Redis what they meant here.
    const nowUs = (): number => (link.clock.known ? link.clock.nowUs() : processNowUs())
    this.#options = options
    this.#store = new RedisLimitStore(link, keyPrefix)
    this.#countersPerCommand = link.traits.cluster ? 1 : mostCountersPerCommand
    this.#merged = new MergedHits((batches) => {
      this.#send(batches)
    })
    this.#local = new MemoryCounters(new MemoryLimitStore(maxCounters, nowUs), 'local')
    this.#charges = new ChargeBack({
      send: (...charge) => this.#store.charge(...charge),
      nowUs,
      maxCounters,
    })
    this.instances = new LiveInstances(link, {
      keyPrefix,
      everyMs: options.instancesEveryMs,
      assumed: options.assumedInstances,
    })
    this.#mode = new OutageMode({
      link,
      returnAfterMs: options.returnAfterMs,
      probe: () => this.instances.beat(),
      onReturn: () => {
        options.onReturn()
        this.#chargeAll()
      },
    })
  }

  decide(ask: Ask, settle: Settle): void {
    // The others give out nothing by themselves: they ask as soon as Redis can be asked.
    const away = ask.onOutage === 'local' ? this.#mode.away : this.#options.link.status !== 'up'
    if (away) {
      this.#withoutRedis(ask, settle, undefined)
      return
    }
    this.#merged.decide(ask, settle)
  }

  /** Charges what can be charged, and takes this process out. */
  async close(): Promise<void> {
    this.#mode.close()
    if (this.#charges.size > 0 && this.#options.link.status === 'up') {
      let timer: NodeJS.Timeout | undefined
      const over = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, closeMs)
      })
      await Promise.race([this.#charges.settleAll().catch(() => undefined), over])
      clearTimeout(timer)
    }
    await this.instances.close()
  }

  /** Asks for all in one command where that is possible; on a Cluster each counter lives on a node of its own. */
  #send(batches: readonly Batch[]): void {
    const groups = new Map<Algorithm, Batch[]>()
    for (const batch of batches) {
      const { algorithm } = batch.ask.limit
      const group = groups.get(algorithm)
      const uncharged = this.#charges.size === 0 ? undefined : this.#charges.settle(batch.ask.name)
      if (uncharged !== undefined) void this.#askAfter(uncharged, batch)
      else if (group === undefined || group.length >= this.#countersPerCommand) {
        groups.set(algorithm, [batch])
        if (group !== undefined) void this.#ask(group)
      } else group.push(batch)
    }
    for (const group of groups.values()) void this.#ask(group)
  }

  async #askAfter(uncharged: Promise<void>, batch: Batch): Promise<void> {
    try {
      await uncharged
    } catch (error) {
      this.#decideWithoutRedis(batch, toError(error))
      return
    }
    await this.#ask([batch])
  }

  async #ask(batches: readonly Batch[]): Promise<void> {
    let decisions: readonly (Decision | Error)[]
    try {
      decisions = await this.#store.decideAll(batches)
    } catch (error) {
      for (const batch of batches) this.#decideWithoutRedis(batch, toError(error))
      return
    }
    for (const [index, batch] of batches.entries()) {
      const decision = decisions[index] ?? new TypeError('The script left out a counter.')
      if (decision instanceof Error) this.#decideWithoutRedis(batch, decision)
      else batch.settle(decision)
    }
  }

  #decideWithoutRedis(batch: Batch, cause: Error): void {
    batch.handTo((ask, settle) => {
      this.#withoutRedis(ask, settle, cause)
    })
  }

  #withoutRedis(ask: Ask, settle: Settle, cause: Error | undefined): void {
    if (cause !== undefined && !isRedisUnavailable(cause) && !isRedisRefused(cause)) {
      this.#options.onMisuse(cause)
    } else this.#leave(cause)

    if (ask.onOutage === 'open') settle(undefined, notCounted)
    else if (ask.onOutage === 'closed') {
      settle(rateLimitUnavailable(cause, this.#options.retryAfterSeconds), undefined)
    } else {
      const limit = shareOf(ask.limit, this.instances.count)
      const verdict = this.#local.decideNow({ id: ask.id, limit, cost: ask.cost })
      if (verdict.allowed) this.#charges.note(ask)
      settle(undefined, verdict)
    }
  }

  #chargeAll(): void {
    // What Redis does not take now stays, and is charged before its counter is asked.
    this.#charges.settleAll().catch((error: unknown) => {
      this.#leave(toError(error))
    })
  }

  #leave(cause: Error | undefined): void {
    if (this.#mode.leave()) this.#options.onAway(cause)
  }
}
