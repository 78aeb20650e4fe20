import { defineScript, type Script } from '@stayfast/redis-kit'
import { intervalUs, mostBurstsOfDebt } from '../algorithms/gcra.js'
import type { Algorithm, Limit } from '../algorithms/limit.js'
import { bucketUs, countedBuckets } from '../algorithms/sliding-window.js'
import { chargeFixedWindowLua, fixedWindowLua } from './fixed-window-lua.js'
import { chargeGcraLua, gcraLua } from './gcra-lua.js'
import { redisTime } from './script-parts.js'
import { chargeSlidingWindowLua, slidingWindowLua } from './sliding-window-lua.js'

/** The scripts of one algorithm, and what of a limit they are told. */
export interface LimitScripts {
  /** Decides on several counters in one command; {@link readDecisions} reads the answer. */
  readonly decide: Script<readonly unknown[]>
  /** What {@link decide} is told of a limit. */
  readonly limitArgs: (limit: Limit) => readonly number[]
  readonly charge: Script<boolean>
  /** Arguments of {@link charge} before its id and the usage. */
  readonly chargeArgs: (limit: Limit) => readonly number[]
}

function list(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new TypeError('The script answered no list.')
  return reply
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
      decide: defineScript(slidingWindowLua(timeLua), list),
      limitArgs: (limit) => [...sliding(limit), limit.max],
      charge: defineScript(chargeSlidingWindowLua(timeLua), charged),
      chargeArgs: sliding,
    },
    gcra: {
      decide: defineScript(gcraLua(timeLua), list),
      limitArgs: gcra,
      charge: defineScript(chargeGcraLua(timeLua), charged),
      chargeArgs: gcra,
    },
    'fixed-window': {
      decide: defineScript(fixedWindowLua(timeLua), list),
      limitArgs: (limit) => [limit.windowUs, limit.max],
      charge: defineScript(chargeFixedWindowLua(timeLua), charged),
      chargeArgs: (limit) => [limit.windowUs],
    },
  }
}
