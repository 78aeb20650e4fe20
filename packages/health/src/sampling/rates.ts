import type { ServerInfo } from './server-info.js'

/** What a server did between two samples. */
export interface Rates {
  readonly evictionsPerSecond: number | undefined
  /** Lookups that found their key; undefined where there were too few to say. */
  readonly hitRatio: number | undefined
  /** 1 is one core. */
  readonly cpuRatio: number | undefined
}

/** One reply of INFO and when it came, by the monotonic clock. */
export interface Reading {
  readonly info: ServerInfo
  readonly atMs: number
}

/** Fewer lookups between two samples say nothing about a ratio. */
const enoughLookups = 100

const none: Rates = { evictionsPerSecond: undefined, hitRatio: undefined, cpuRatio: undefined }

/** A server of one thread is busy when that thread is; before Redis 6.2 the whole process is all that is told. */
function cpuSeconds(info: ServerInfo): number | undefined {
  const system = info.number('used_cpu_sys_main_thread') ?? info.number('used_cpu_sys')
  const user = info.number('used_cpu_user_main_thread') ?? info.number('used_cpu_user')
  return system === undefined || user === undefined ? undefined : system + user
}

/** Counters of another server, or of the same one before it restarted, are no base for a difference. */
export function ratesBetween(before: Reading | undefined, now: Reading): Rates {
  if (before === undefined || before.info.runId !== now.info.runId) return none
  const seconds = (now.atMs - before.atMs) / 1000
  if (seconds <= 0) return none
  const grown = (read: (info: ServerInfo) => number | undefined): number | undefined => {
    const from = read(before.info)
    const to = read(now.info)
    // CONFIG RESETSTAT sets counters back.
    return from === undefined || to === undefined || to < from ? undefined : to - from
  }
  const perSecond = (amount: number | undefined): number | undefined =>
    amount === undefined ? undefined : amount / seconds
  const hits = grown((info) => info.number('keyspace_hits'))
  const misses = grown((info) => info.number('keyspace_misses'))
  const lookups = hits === undefined || misses === undefined ? 0 : hits + misses
  return {
    evictionsPerSecond: perSecond(grown((info) => info.number('evicted_keys'))),
    hitRatio: lookups < enoughLookups ? undefined : (hits ?? 0) / lookups,
    cpuRatio: perSecond(grown(cpuSeconds)),
  }
}
