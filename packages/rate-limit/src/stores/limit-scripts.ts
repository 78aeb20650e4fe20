import { defineScript, type RedisArgument, type Script } from '@stayfast/redis-kit'
import { intervalUs, mostBurstsOfDebt } from '../algorithms/gcra.js'
import type { Algorithm, Decision, Limit, Run, RunDecision } from '../algorithms/limit.js'
import { bucketUs, countedBuckets } from '../algorithms/sliding-window.js'
import { chargeFixedWindowLua, fixedWindowLua } from './fixed-window-lua.js'
import { chargeGcraLua, gcraLua } from './gcra-lua.js'
import { redisTime } from './script-parts.js'
import { chargeSlidingWindowLua, slidingWindowLua } from './sliding-window-lua.js'

/** The scripts of one algorithm, and what of a limit they are told. */
export interface LimitScripts {
  readonly decide: Script<Decision>
  /** Arguments of {@link decide} before the runs. */
  readonly decideArgs: (limit: Limit) => RedisArgument[]
  readonly charge: Script<boolean>
  /** Arguments of {@link charge} before its id and the usage. */
  readonly chargeArgs: (limit: Limit) => RedisArgument[]
}

function decision(reply: unknown): Decision {
  if (!Array.isArray(reply)) throw new TypeError('The script answered no list.')
  const [available, resetUs, ...rest] = reply.map(Number)
  const runs: RunDecision[] = []
  for (let i = 0; i < rest.length; i += 2) runs.push({ admitted: rest[i] ?? 0, retryUs: rest[i + 1] ?? 0 })
  return { available: available ?? 0, resetUs: resetUs ?? 0, runs }
}

const charged = (reply: unknown): boolean => reply === 1

/** @param timeLua - What gives the time inside the scripts; the server's own by default. */
export function limitScripts(timeLua: string = redisTime): Readonly<Record<Algorithm, LimitScripts>> {
  const sliding = (limit: Limit): RedisArgument[] => [bucketUs(limit), countedBuckets]
  const gcra = (limit: Limit): RedisArgument[] => [
    intervalUs(limit),
    limit.burst,
    limit.windowUs,
    mostBurstsOfDebt,
  ]
  return {
    'sliding-window': {
      decide: defineScript(slidingWindowLua(timeLua), decision),
      decideArgs: (limit) => [...sliding(limit), limit.max],
      charge: defineScript(chargeSlidingWindowLua(timeLua), charged),
      chargeArgs: sliding,
    },
    gcra: {
      decide: defineScript(gcraLua(timeLua), decision),
      decideArgs: gcra,
      charge: defineScript(chargeGcraLua(timeLua), charged),
      chargeArgs: gcra,
    },
    'fixed-window': {
      decide: defineScript(fixedWindowLua(timeLua), decision),
      decideArgs: (limit) => [limit.windowUs, limit.max],
      charge: defineScript(chargeFixedWindowLua(timeLua), charged),
      chargeArgs: (limit) => [limit.windowUs],
    },
  }
}

/** Runs as the scripts read them. */
export function runArgs(runs: readonly Run[]): number[] {
  return runs.flatMap(({ cost, count }) => [cost, count])
}
