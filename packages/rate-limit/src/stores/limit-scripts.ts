import { defineScript, type Script } from '@stayfast/redis-kit'
import { intervalUs, mostBurstsOfDebt } from '../algorithms/gcra.js'
import type { Algorithm, Decision, Limit, Run, RunDecision } from '../algorithms/limit.js'
import { bucketUs, countedBuckets } from '../algorithms/sliding-window.js'
import { chargeFixedWindowLua, fixedWindowLua } from './fixed-window-lua.js'
import { chargeGcraLua, gcraLua } from './gcra-lua.js'
import { redisTime } from './script-parts.js'
import { chargeSlidingWindowLua, slidingWindowLua } from './sliding-window-lua.js'

/** The scripts of one algorithm, and what of a limit they are told. */
export interface LimitScripts {
  /** Decides on several counters in one command; a text says what is wrong with the key of one. */
  readonly decide: Script<readonly (Decision | string)[]>
  /** What {@link decide} is told of a limit. */
  readonly limitArgs: (limit: Limit) => readonly number[]
  readonly charge: Script<boolean>
  /** Arguments of {@link charge} before its id and the usage. */
  readonly chargeArgs: (limit: Limit) => readonly number[]
}

/** What a script says of one counter: a decision, or what is wrong with its key. */
function decision(reply: unknown): Decision | string {
  if (!Array.isArray(reply)) return String(reply)
  const runs: RunDecision[] = []
  for (let i = 2; i < reply.length; i += 2) {
    runs.push({ admitted: Number(reply[i]), retryUs: Number(reply[i + 1]) })
  }
  return { available: Number(reply[0]), resetUs: Number(reply[1]), runs }
}

function decisions(reply: unknown): readonly (Decision | string)[] {
  if (!Array.isArray(reply)) throw new TypeError('The script answered no list.')
  return reply.map(decision)
}

const charged = (reply: unknown): boolean => reply === 1

/** @param timeLua - What gives the time inside the scripts; the server's own by default. */
export function limitScripts(timeLua: string = redisTime): Readonly<Record<Algorithm, LimitScripts>> {
  const sliding = (limit: Limit): readonly number[] => [bucketUs(limit), countedBuckets]
  const gcra = (limit: Limit): readonly number[] => [
    intervalUs(limit),
    limit.burst,
    limit.windowUs,
    mostBurstsOfDebt,
  ]
  return {
    'sliding-window': {
      decide: defineScript(slidingWindowLua(timeLua), decisions),
      limitArgs: (limit) => [...sliding(limit), limit.max],
      charge: defineScript(chargeSlidingWindowLua(timeLua), charged),
      chargeArgs: sliding,
    },
    gcra: {
      decide: defineScript(gcraLua(timeLua), decisions),
      limitArgs: gcra,
      charge: defineScript(chargeGcraLua(timeLua), charged),
      chargeArgs: gcra,
    },
    'fixed-window': {
      decide: defineScript(fixedWindowLua(timeLua), decisions),
      limitArgs: (limit) => [limit.windowUs, limit.max],
      charge: defineScript(chargeFixedWindowLua(timeLua), charged),
      chargeArgs: (limit) => [limit.windowUs],
    },
  }
}

/** Adds what the scripts are to be told of one counter. */
export function pushCounterArgs(args: number[], limitArgs: readonly number[], runs: readonly Run[]): void {
  args.push(limitArgs.length, 2 * runs.length, ...limitArgs)
  for (const { cost, count } of runs) args.push(cost, count)
}
