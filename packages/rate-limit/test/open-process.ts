import { openLink } from '@stayfast/link-test-kit'
import type { ClientLinkOptions, RedisLink } from '@stayfast/redis-kit'
import type { Test } from 'tap'
import type { Limit } from '../dist/algorithms/limit.js'
import { SharedCounters, type SharedCountersOptions } from '../dist/shared-counters.js'
import { countsBy } from '../dist/stores/limit-store.js'
import type { Ask, Verdict } from '../dist/verdict.js'

/** A process of its own, as far as Redis can tell. */
export interface LimitProcess {
  readonly link: RedisLink
  readonly counters: SharedCounters
  readonly decide: (ask: Ask) => Promise<Verdict>
  /** Verdicts of so many requests, one after the other. */
  readonly take: (ask: Ask, count: number) => Promise<Verdict[]>
}

const dayUs = 86_400_000_000

/** Calendar windows of tests do not end in their middle. */
export function limitOf(max: number, limit: Partial<Limit> = {}): Limit {
  return { algorithm: 'sliding-window', max, burst: max, windowUs: 1000 * dayUs, ...limit }
}

export function askFor(key: string, limit: Limit, ask: Partial<Ask> = {}): Ask {
  return {
    id: { policy: 'p', key },
    name: `${countsBy(limit)}:p:${key}`,
    limit,
    cost: 1,
    onOutage: 'local',
    penalty: 'none',
    ...ask,
  }
}

export function allowed(verdicts: readonly Verdict[]): number {
  return verdicts.filter((verdict) => verdict.allowed).length
}

/** Who decided, each once, in order of appearance. */
export function decidedBy(verdicts: readonly Verdict[]): string[] {
  return [...new Set(verdicts.map(({ by }) => by))]
}

export async function openProcess(
  t: Test,
  url: string,
  options: Partial<SharedCountersOptions> = {},
  linkOptions: Partial<ClientLinkOptions> = {},
): Promise<LimitProcess> {
  const link = await openLink(t, url, linkOptions)
  const counters = new SharedCounters({
    link,
    keyPrefix: '',
    maxCounters: 1000,
    returnAfterMs: 500,
    instancesEveryMs: 10_000,
    assumedInstances: 1,
    retryAfterSeconds: 2,
    onMisuse: () => undefined,
    onAway: () => undefined,
    onReturn: () => undefined,
    ...options,
  })
  t.teardown(() => counters.close())
  const decide = (ask: Ask): Promise<Verdict> =>
    new Promise((resolve, reject) => {
      counters.decide(ask, (error, verdict) => {
        if (verdict === undefined) reject(error ?? new Error('no verdict'))
        else resolve(verdict)
      })
    })
  const take = async (ask: Ask, count: number): Promise<Verdict[]> => {
    const verdicts: Verdict[] = []
    for (let i = 0; i < count; i += 1) verdicts.push(await decide(ask))
    return verdicts
  }
  return { link, counters, decide, take }
}
